//! The server under test, and the commands that check what it leaves.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Error;
use super::api::Api;
use super::disk::Disk;

/// Maximum time for a server to start responding.
const START_LIMIT: Duration = Duration::from_mins(1);
/// Maximum time for a server to shut down.
const END_LIMIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(20);
/// Number of log lines that are shown.
const TAIL_LINES: usize = 30;

/// A server's folders: its models, and its data on the disk that fills up.
pub(crate) struct Site {
    home: PathBuf,
    data: PathBuf,
    /// Not on the disk that fills up.
    logs: TempDir,
}

impl Site {
    /// A server with the models of `home` and its data in `data`.
    pub(crate) fn new(home: &Path, data: &Path) -> Result<Self, Error> {
        let home = fs::canonicalize(home)
            .map_err(|error| format!("{}: {error}; run `make prepare` first", home.display()))?;
        Ok(Self { home, data: data.to_owned(), logs: tempfile::tempdir()? })
    }

    /// Starts a server and waits until it responds. If the disk is full, it may exit with a reason instead; it is then
    /// started again with free space.
    pub(crate) async fn start(&self, disk: &Disk, on_full_disk: bool) -> Result<Server, Error> {
        if on_full_disk && disk.is_small() {
            disk.fill(0)?;
            let started = self.spawn().await;
            disk.empty()?;
            match started {
                Ok(server) => return Ok(server),
                Err(Ended::Early)
                    if self.log_tail().contains("disk") || self.log_tail().contains("space") => {}
                Err(ended) => return Err(ended.told(&self.log_tail())),
            }
        }
        self.spawn().await.map_err(|ended| ended.told(&self.log_tail()))
    }

    async fn spawn(&self) -> Result<Server, Ended> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr())?.port();
        let address = format!("127.0.0.1:{port}");
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = self.faceql(&["serve"]);
        command.env("FACEQL_LISTEN", &address).stdout(Stdio::null()).stderr(log);
        let mut server = Server { process: command.spawn()?, url: format!("http://{address}/graphql") };
        let start = Instant::now();
        let api = server.api()?;
        while !api.answers().await {
            if server.process.try_wait()?.is_some() {
                return Err(Ended::Early);
            }
            if start.elapsed() > START_LIMIT {
                return Err(Ended::Silent);
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(server)
    }

    /// Runs a command of the CLI, which must succeed.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<(), Error> {
        let ended = self.faceql(arguments).output()?;
        if ended.status.success() {
            return Ok(());
        }
        let said = [ended.stdout, ended.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        Err(format!("faceql {} ended with {}:\n{}", arguments.join(" "), ended.status, said.concat()).into())
    }

    fn faceql(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_faceql"));
        command.args(arguments).current_dir(&self.data).env_clear().stdin(Stdio::null());
        command.env("FACEQL_HOME", &self.home).envs([
            ("DATABASE_URL", "sqlite:faceql.db"),
            ("FACEQL_BLOB_FOLDER", "blobs"),
            ("FACEQL_ENGINE_THREADS", "1"),
            ("FACEQL_JOBS_LEASE_SECONDS", "1"),
            ("FACEQL_JOBS_POLL_MS", "50"),
            ("FACEQL_JOBS_BACKOFF_MS", "50"),
            ("FACEQL_JOBS_MAX_BACKOFF_MS", "1000"),
            // A disk that is full for a while must not make an image fail.
            ("FACEQL_JOBS_MAX_ATTEMPTS", "100"),
            ("FACEQL_SWEEP_SECONDS", "1"),
            ("FACEQL_LOG", "warn"),
        ]);
        command
    }

    /// The database file.
    pub(crate) fn database(&self) -> PathBuf {
        self.data.join("faceql.db")
    }

    fn log(&self) -> PathBuf {
        self.logs.path().join("log")
    }

    /// The last lines of the server's log.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}

/// The reason why a server does not respond.
enum Ended {
    Early,
    Silent,
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Ended {
    fn told(self, log: &str) -> Error {
        match self {
            Self::Early => format!("the server stopped during startup:\n{log}").into(),
            Self::Silent => format!("the server did not respond within {START_LIMIT:?}:\n{log}").into(),
            Self::Failed(error) => error,
        }
    }
}

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// A client of it.
    pub(crate) fn api(&self) -> Result<Api, Error> {
        Api::new(&self.url)
    }

    /// Kills the process without waiting for it.
    pub(crate) fn interrupt(&self) -> Result<(), Error> {
        self.signal("KILL")
    }

    /// Kills the process and waits until it has ended.
    pub(crate) fn kill(&mut self) -> Result<(), Error> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Asks the process to shut down, which must succeed.
    pub(crate) fn terminate(&mut self) -> Result<(), Error> {
        self.signal("TERM")?;
        let start = Instant::now();
        loop {
            match self.process.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(format!("the server exited with {status} when it was stopped").into());
                }
                None if start.elapsed() > END_LIMIT => {
                    return Err("the server did not stop when asked to".into());
                }
                None => std::thread::sleep(POLL),
            }
        }
    }

    fn signal(&self, signal: &str) -> Result<(), Error> {
        let sent = Command::new("kill").args(["-s", signal, &self.process.id().to_string()]).status()?;
        if sent.success() { Ok(()) } else { Err(format!("the server had ended before SIG{signal}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
