//! Kills the server at random moments, on a small disk that fills up and is emptied, while clients upload images,
//! enroll, delete and search for people. After each restart, everything that was acknowledged must exist, and
//! everything that was refused or deleted must not.
//!
//! `make torture` builds and runs it. It uses only the public API, and reads the audit log's table while no server
//! runs.

#![expect(clippy::print_stdout, reason = "a command prints to its user")]

mod api;
mod audit;
mod containers;
mod disk;
mod gallery;
mod server;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use fastrand::Rng;
use tokio::task::JoinSet;

use api::Api;
use audit::Acknowledged;
use containers::Containers;
use disk::Disk;
use gallery::Gallery;
use server::{Server, Site};

/// Number of clients of each kind.
const CLIENTS: usize = 2;
/// Number of restarts between two checks of the whole audit log and the whole index.
const ROUNDS_PER_DEEP_CHECK: usize = 10;
/// Size of the server's disk in MiB: enough for some seconds of work.
const DISK_MIB: usize = 24;
/// How long a server works before it is killed, in milliseconds.
const LIFETIME_MS: std::ops::Range<u64> = 20..1500;
/// How long the disk stays as it is, in milliseconds.
const DISK_PHASE_MS: std::ops::Range<u64> = 50..700;

/// A failed check, in a sentence.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// Kill the server at random moments on a disk that fills, and check that nothing acknowledged is lost.
#[derive(Parser)]
struct Arguments {
    /// How often the server is killed.
    #[arg(long, default_value_t = 200)]
    kills: usize,
    /// Ends after this many seconds, even if the server was killed less often.
    #[arg(long)]
    seconds: Option<u64>,
    /// Repeats the decisions of an earlier run; the moments of the kills still depend on the machine.
    #[arg(long)]
    seed: Option<u64>,
    /// The folder in which `make prepare` has installed models and photos.
    #[arg(long, default_value = ".faceql")]
    home: PathBuf,
    /// Set by the program itself once it has its own mount namespace.
    #[arg(long, hide = true)]
    own_mounts: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.own_mounts
        && let Some(code) = disk::run_again_with_own_mounts()
    {
        return code;
    }
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime.map_err(Error::from).and_then(|runtime| runtime.block_on(torture(&arguments, seed)));
    match ended {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("FAIL {error}\nseed {seed}");
            ExitCode::FAILURE
        }
    }
}

async fn torture(arguments: &Arguments, seed: u64) -> Result<String, Error> {
    let mut random = Rng::with_seed(seed);
    let disk = Disk::new(DISK_MIB)?;
    if !disk.is_small() {
        println!("the disk does not fill up: this system does not permit mounting a small file system");
    }
    let site = Site::new(&arguments.home, disk.folder())?;
    let mut clients = Clients::new(&arguments.home, &mut random)?;
    let end = arguments.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let is_over = || end.is_some_and(|end| end <= Instant::now());
    let mut kills = 0;
    while kills < arguments.kills && !is_over() {
        let mut server = site.start(&disk, random.u8(..) < 32).await?;
        let lived = clients.live(&server, &disk, &mut random).await;
        server.kill()?;
        disk.empty()?;
        lived.map_err(|error| format!("{error}\n{}", site.log_tail()))?;
        kills += 1;
        if kills.is_multiple_of(ROUNDS_PER_DEEP_CHECK) {
            clients.check_stores(&site).await?;
            println!("{kills} kills: {}", clients.summary());
        }
    }
    clients.end(&site, &disk).await.map_err(|error| format!("{error}\n{}", site.log_tail()))?;
    Ok(format!("{kills} kills, nothing lost: {}", clients.summary()))
}

/// All clients, and what the server has acknowledged to them.
struct Clients {
    containers: Vec<Containers>,
    galleries: Vec<Gallery>,
    acknowledged: Acknowledged,
}

impl Clients {
    fn new(home: &Path, random: &mut Rng) -> Result<Self, Error> {
        let photos = home.join("photos");
        let galleries = (0..CLIENTS).map(|number| Gallery::new(number, &photos));
        Ok(Self {
            containers: (0..CLIENTS).map(|_| Containers::new(random.fork())).collect(),
            galleries: galleries.collect::<Result<_, _>>()?,
            acknowledged: Acknowledged::default(),
        })
    }

    /// Checks what the previous server has left, then works until a random moment.
    async fn live(&mut self, server: &Server, disk: &Disk, random: &mut Rng) -> Result<(), Error> {
        let api = server.api()?;
        self.check(&api).await?;
        let end = Instant::now() + Duration::from_millis(random.u64(LIFETIME_MS));
        let mut working = JoinSet::new();
        for containers in std::mem::take(&mut self.containers) {
            working.spawn(work(Worker::Containers(containers), api.clone(), end));
        }
        for gallery in std::mem::take(&mut self.galleries) {
            working.spawn(work(Worker::Gallery(gallery), api.clone(), end));
        }
        let filled = fill_and_empty(disk, random, end).await;
        // The server is killed now: running requests are interrupted, and their responses are lost.
        server.interrupt()?;
        let mut failed = filled.err();
        while let Some(worked) = working.join_next().await {
            let (worker, result) = worked?;
            match worker {
                Worker::Containers(containers) => self.containers.push(containers),
                Worker::Gallery(gallery) => self.galleries.push(gallery),
            }
            failed = failed.or(result.err());
        }
        self.acknowledged.take_from(&api);
        failed.map_or(Ok(()), Err)
    }

    async fn check(&mut self, api: &Api) -> Result<(), Error> {
        for containers in &mut self.containers {
            containers.check(api).await?;
        }
        for gallery in &mut self.galleries {
            gallery.check(api).await?;
        }
        Ok(())
    }

    /// Checks the audit log and the index while no server runs.
    async fn check_stores(&mut self, site: &Site) -> Result<(), Error> {
        site.command(&["audit", "verify"])?;
        site.command(&["index", "check"])?;
        self.acknowledged.check(&site.database()).await
    }

    /// Lets a last server finish all jobs, and checks everything.
    async fn end(&mut self, site: &Site, disk: &Disk) -> Result<(), Error> {
        let mut server = site.start(disk, false).await?;
        let api = server.api()?;
        self.check(&api).await?;
        for containers in &self.containers {
            containers.check_completed(&api).await?;
        }
        server.terminate()?;
        self.check_stores(site).await
    }

    fn summary(&self) -> String {
        let images: usize = self.containers.iter().map(Containers::uploaded).sum();
        let changes: usize = self.galleries.iter().map(Gallery::changes).sum();
        let Acknowledged { changes: noted, refused, lost, .. } = &self.acknowledged;
        format!(
            "{images} images and {changes} enrollments and deletions acknowledged, {noted} acts in the audit log, \
             {refused} requests refused for want of room, {lost} answers lost"
        )
    }
}

enum Worker {
    Containers(Containers),
    Gallery(Gallery),
}

/// Works until `end` or until the server is gone. Always returns the worker.
async fn work(mut worker: Worker, api: Api, end: Instant) -> (Worker, Result<(), Error>) {
    while Instant::now() < end && !api.is_gone() {
        let step = match &mut worker {
            Worker::Containers(containers) => containers.step(&api).await,
            Worker::Gallery(gallery) => gallery.step(&api).await,
        };
        if step.is_err() {
            return (worker, step);
        }
    }
    (worker, Ok(()))
}

async fn fill_and_empty(disk: &Disk, random: &mut Rng, end: Instant) -> Result<(), Error> {
    let mut is_full = false;
    while Instant::now() < end {
        let phase = Duration::from_millis(random.u64(DISK_PHASE_MS));
        tokio::time::sleep(phase.min(end.saturating_duration_since(Instant::now()))).await;
        // Only sometimes, or nothing would ever be acknowledged.
        is_full = !is_full && random.bool();
        if is_full { disk.fill(random.u64(..128 * 1024))? } else { disk.empty()? }
    }
    Ok(())
}
