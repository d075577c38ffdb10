//! A server in a separate process, and its processor time and memory.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use tempfile::TempDir;

use crate::root;

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    _data: TempDir,
}

impl Server {
    /// The real binary, with its own data.
    pub(crate) async fn start() -> Self {
        Self::start_on(tempfile::tempdir().expect("a temporary folder")).await
    }

    /// The real binary, with the data that [`faceql`] put into `data`.
    pub(crate) async fn start_on(data: TempDir) -> Self {
        Self::start_with(data, &[]).await
    }

    /// The same with further settings.
    pub(crate) async fn start_with(data: TempDir, settings: &[(&str, &str)]) -> Self {
        let address = free_address();
        let mut command = faceql(data.path());
        command.envs(settings.iter().copied());
        command.arg("serve").env("FACEQL_LISTEN", address.to_string());
        Self::spawn(command, address, data).await
    }

    /// This benchmark with other arguments, in which it calls [`serve_bare`].
    pub(crate) async fn start_bare(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let address = free_address();
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(arguments).env("BENCH_LISTEN", address.to_string());
        Self::spawn(command, address, tempfile::tempdir().expect("a temporary folder")).await
    }

    async fn spawn(mut command: Command, address: SocketAddr, data: TempDir) -> Self {
        let child = command.stderr(Stdio::inherit()).spawn().expect("the server starts");
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { child, address, _data: data }
    }

    /// Processor time so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("/proc/PID/stat");
        // The name may contain spaces: count from its closing parenthesis.
        let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
        let ticks = |index: usize| fields[index].parse::<f64>().expect("ticks");
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Resident memory now, in megabytes.
    pub(crate) fn resident_megabytes(&self) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("/proc/PID/status");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
        line.split_whitespace().nth(1).and_then(|text| text.parse::<f64>().ok()).expect("kilobytes") / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process of [`Server::start_bare`]: a bare web server.
pub(crate) async fn serve_bare(routes: Router) {
    let (_, address) = std::env::vars().find(|(name, _)| name == "BENCH_LISTEN").expect("an address");
    let listener = tokio::net::TcpListener::bind(address).await.expect("the port");
    axum::serve(listener, routes).await.expect("serving");
}

/// The real binary, which stores everything in `data`.
pub(crate) fn faceql(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faceql"));
    command
        .current_dir(root(""))
        .env("DATABASE_URL", format!("sqlite:{}", data.join("faceql.db").display()))
        .env("FACEQL_BLOB_FOLDER", data.join("blobs"))
        .env("FACEQL_LOG", "error")
        // Counted, but never exhausted.
        .env("FACEQL_RATE_COST_PER_SECOND", "1000000000")
        .env("FACEQL_RATE_UPLOAD_MIB_PER_MINUTE", "4000000");
    command
}

/// Runs `command` until it ends.
pub(crate) async fn finished(mut command: Command) {
    let run = tokio::task::spawn_blocking(move || command.output());
    let output = run.await.expect("a thread").expect("the command starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}
