//! The real binary in a process of its own.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::Client;
use super::pictures::home;
use super::server::{runtime, soon};

/// A `faceql` process; it is killed when this is dropped.
pub(crate) struct Binary {
    pub(crate) process: Child,
    pub(crate) client: Client,
    log: Arc<Mutex<String>>,
    logging: Option<JoinHandle<()>>,
}

pub(crate) fn faceql(folder: &Path, task: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faceql"));
    command.arg(task).current_dir(folder).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::piped()).env("FACEQL_ONNX_RUNTIME", runtime());
    command.env("FACEQL_MODEL_PACK", home().join("packs/standard"));
    let defaults = [
        ("FACEQL_LISTEN", "127.0.0.1:0"),
        ("DATABASE_URL", "sqlite:faceql.db"),
        ("FACEQL_BLOB_FOLDER", "blobs"),
        ("FACEQL_ENGINE_THREADS", "1"),
        ("FACEQL_IMAGES_PER_CONTAINER", "100"),
        ("FACEQL_JOBS_LEASE_SECONDS", "1"),
        ("FACEQL_JOBS_POLL_MS", "50"),
        ("FACEQL_ORPHAN_GRACE_SECONDS", "60"),
        ("FACEQL_SWEEP_SECONDS", "1"),
    ];
    command.envs(defaults).envs(settings.iter().copied());
    command
}

impl Binary {
    /// Starts `faceql serve` and waits until it listens.
    pub(crate) async fn serve(folder: &Path, settings: &[(&str, &str)]) -> Self {
        Self::start(folder, "serve", settings).await
    }

    /// Starts `faceql` with a command that serves, and waits until it listens.
    pub(crate) async fn start(folder: &Path, task: &str, settings: &[(&str, &str)]) -> Self {
        Self::spawn(faceql(folder, task, settings)).await
    }

    /// Starts a command that serves, and waits until it listens.
    pub(crate) async fn spawn(mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap());
        let (tell, told) = oneshot::channel();
        let log = Arc::<Mutex<String>>::default();
        let kept = log.clone();
        let logging = std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in lines.lines().map_while(Result::ok) {
                writeln!(kept.lock().unwrap(), "{line}").unwrap();
                if let Some(address) = address_in(&line)
                    && let Some(tell) = tell.take()
                {
                    let _ = tell.send(address);
                }
            }
        });
        let address = soon(told).await.expect("the server ended before it listened");
        Self { process, client: Client::new(address, None), log, logging: Some(logging) }
    }

    /// The process id.
    pub(crate) fn id(&self) -> i32 {
        self.process.id().try_into().unwrap()
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Asks the process to end; returns the log up to then.
    pub(crate) fn log_at_its_end(mut self) -> String {
        self.ask_to_end();
        assert!(self.process.wait().unwrap().success());
        self.logging.take().unwrap().join().unwrap();
        self.log()
    }

    /// The peak memory use, in MiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// The peak memory use, in bytes.
    pub(crate) fn most_resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
    }

    /// Asks the process to end, with SIGTERM.
    pub(crate) fn ask_to_end(&self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Asks the process to end and waits until it has ended.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.ask_to_end();
        self.process.wait().unwrap()
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    line.split_once(" is at http://")?.1.split('/').next()?.parse().ok()
}
