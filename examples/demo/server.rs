//! The server that the demo uses: a running one, or its own.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Error;
use super::api::Api;

/// The server that is tried by default.
const USUAL_URL: &str = "http://127.0.0.1:8080";
/// Where `make prepare` installs the models.
const HOME: &str = ".faceql";
/// Maximum time for a server to load and warm up its models.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How often a starting server is checked for readiness.
const START_POLL: Duration = Duration::from_millis(100);

/// A server that is ready.
pub(crate) struct Server {
    pub(crate) api: Api,
    own: Option<OwnServer>,
}

impl Server {
    /// The server at `url`, which must be ready; without a URL, the default server or a new one.
    pub(crate) async fn find_or_start(url: Option<String>) -> Result<Self, Error> {
        let api = Api::new(url.as_deref().unwrap_or(USUAL_URL))?;
        if api.is_ready().await {
            return Ok(Self { api, own: None });
        }
        if let Some(url) = url {
            return Err(format!("no FaceQL is ready at {url}, or it requires a key").into());
        }
        let (own, api) = OwnServer::start().await?;
        Ok(Self { api, own: Some(own) })
    }

    /// The origin of the server, as text.
    pub(crate) fn origin(&self) -> &'static str {
        if self.own.is_some() { "started for this demo, with temporary data" } else { "already running" }
    }
}

/// A server with data in a temporary folder. Dropping it stops the server, then removes the folder.
struct OwnServer {
    process: Child,
    folder: TempDir,
}

impl OwnServer {
    async fn start() -> Result<(Self, Api), Error> {
        let address = format!("127.0.0.1:{}", free_port()?);
        let folder = tempfile::tempdir()?;
        let log = File::create(folder.path().join("log"))?;
        let binary = binary()?;
        let process = Command::new(&binary)
            .arg("serve")
            // With its own data, and without settings for another server.
            .current_dir(folder.path())
            .env_clear()
            .env("FACEQL_HOME", std::path::absolute(HOME)?)
            .env("FACEQL_LISTEN", &address)
            // Ctrl-C only reaches the demo, which then stops its server.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| {
                format!("{} could not be started ({error}); run `make demo`", binary.display())
            })?;
        let mut server = Self { process, folder };
        let api = Api::new(&format!("http://{address}"))?;
        server.wait_until_ready(&api).await?;
        Ok((server, api))
    }

    async fn wait_until_ready(&mut self, api: &Api) -> Result<(), Error> {
        let start = Instant::now();
        while !api.is_ready().await {
            if self.process.try_wait()?.is_some() {
                return Err(format!("the server stopped during startup:\n{}", self.log()).into());
            }
            if start.elapsed() > START_LIMIT {
                return Err(format!("the server is not ready after {START_LIMIT:?}:\n{}", self.log()).into());
            }
            tokio::time::sleep(START_POLL).await;
        }
        Ok(())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(Some(_))) {
            return;
        }
        // SIGTERM, so that it drains as in production; SIGKILL if that cannot be sent.
        let asked = Command::new("kill").arg(self.process.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

/// The `faceql` binary that was built beside this one.
fn binary() -> Result<PathBuf, Error> {
    let own = std::env::current_exe()?;
    Ok(own.with_file_name(format!("faceql{}", std::env::consts::EXE_SUFFIX)))
}

fn free_port() -> Result<u16, Error> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
