//! A complete FaceQL in this process, with its own folder and the one shared engine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use entity::job_status::JobStatus;
use entity::{contour, detection, image, job};
use faceql::access::caller::{Caller, Scopes};
use faceql::actor::Actor;
use faceql::app::{App, AppError, embedded_encoder};
use faceql::clock::Clock;
use faceql::config::Config;
use faceql::containers::Containers;
use faceql::contours::Contours;
use faceql::detection::Detections;
use faceql::inference::{EmbeddedEncoder, Engines};
use faceql::people::People;
use faceql::settings::Settings;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::pictures::home;

/// Settings that override those of [`config`].
pub(crate) type Overrides<'a> = &'a [(&'a str, &'a str)];

/// A running server; [`TestServer::stop`] stops it and checks that nothing is left over.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) containers: Containers,
    pub(crate) people: People,
    pub(crate) detections: Detections,
    pub(crate) contours: Contours,
    folder: TempDir,
    stop: CancellationToken,
    running: JoinHandle<Result<(), AppError>>,
    must_stop: MustStop,
}

/// Fails a test that forgets to stop its server, and with it the checks of what is left over.
struct MustStop {
    is_stopped: bool,
}

impl Drop for MustStop {
    fn drop(&mut self) {
        let is_failing = std::thread::panicking();
        assert!(self.is_stopped || is_failing, "end the test with `server.stop().await`");
    }
}

impl TestServer {
    /// With the real models and no key.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With the real models and further settings.
    pub(crate) async fn with(overrides: Overrides<'_>) -> Self {
        Self::assemble(overrides, Clock::system(), real_encoder().await).await
    }

    /// With its own engine of one thread, by these settings.
    pub(crate) async fn with_engine_of(overrides: Overrides<'_>) -> Self {
        let unused = tempfile::tempdir().unwrap();
        let one_thread =
            overrides.iter().copied().chain([("FACEQL_ENGINE_THREADS", "1")]).collect::<Vec<_>>();
        let engine = embedded_encoder(&config(unused.path(), &one_thread).engine).await.unwrap();
        Self::assemble(overrides, Clock::system(), engine).await
    }

    /// With all parts given.
    pub(crate) async fn assemble(
        overrides: Overrides<'_>,
        clock: Clock,
        engines: impl Into<Engines>,
    ) -> Self {
        Self::open(tempfile::tempdir().unwrap(), overrides, clock, engines).await
    }

    /// Stops the server, and starts another one on its folder.
    pub(crate) async fn restart(self, overrides: Overrides<'_>) -> Self {
        let folder = self.stop_with_jobs().await;
        Self::open(folder, overrides, Clock::system(), real_encoder().await).await
    }

    /// On a folder that may contain a database.
    pub(crate) async fn open(
        folder: TempDir,
        overrides: Overrides<'_>,
        clock: Clock,
        engines: impl Into<Engines>,
    ) -> Self {
        let config = config(folder.path(), overrides);
        let app = App::new(config, clock, engines).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let (containers, people) = (app.containers().clone(), app.people().clone());
        let (detections, contours) = (app.detections().clone(), app.contours().clone());
        let running = tokio::spawn(app.run(listener, stop.clone()));
        Self {
            address,
            containers,
            people,
            detections,
            contours,
            folder,
            stop,
            running,
            must_stop: MustStop { is_stopped: false },
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address, None)
    }

    pub(crate) fn client_with_key(&self, key: &str) -> Client {
        Client::new(self.address, Some(key.to_owned()))
    }

    /// The files in the blob folder.
    pub(crate) fn blobs(&self) -> Vec<PathBuf> {
        files(&self.folder.path().join("blobs"))
    }

    /// Its data folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The numbers of images, jobs and files.
    pub(crate) async fn holdings(&self) -> (u64, u64, usize) {
        let reader = self.containers.database.reader();
        let images = image::Entity::find().count(reader).await.unwrap();
        let jobs = job::Entity::find().count(reader).await.unwrap();
        (images, jobs, self.blobs().len())
    }

    /// Stops the server: no job may be left, and no bytes without a row.
    pub(crate) async fn stop(self) {
        let reader = self.containers.database.reader();
        assert_eq!(job::Entity::find().count(reader).await.unwrap(), 0, "jobs are left over");
        let images = image::Entity::find().filter(image::Column::BytesKept.eq(true));
        let finished = detection::Entity::find().filter(detection::Column::Status.eq(JobStatus::Completed));
        let drawn = contour::Entity::find().filter(contour::Column::Status.eq(JobStatus::Completed));
        let kept = images.count(reader).await.unwrap()
            + detection::Entity::find().count(reader).await.unwrap()
            + finished.count(reader).await.unwrap()
            + 2 * drawn.count(reader).await.unwrap();
        let folder = self.stop_with_jobs().await;
        let blobs = files(&folder.path().join("blobs"));
        assert_eq!(blobs.len() as u64, kept, "bytes are left over: {blobs:?}");
    }

    /// Ends the server, whatever it is at. Returns its folder.
    pub(crate) async fn stop_with_jobs(mut self) -> TempDir {
        self.must_stop.is_stopped = true;
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
        self.folder
    }
}

/// A configuration that stores everything in `folder` and retries fast.
pub(crate) fn config(folder: &Path, overrides: Overrides<'_>) -> Config {
    let path = |name: &str| folder.join(name).display().to_string();
    let defaults = [
        ("FACEQL_LISTEN", "127.0.0.1:0".to_owned()),
        ("DATABASE_URL", format!("sqlite:{}", path("faceql.db"))),
        ("FACEQL_BLOB_FOLDER", path("blobs")),
        ("FACEQL_SECRET_FILE", path("secret")),
        ("FACEQL_DURABLE", "false".to_owned()),
        ("FACEQL_JOBS_POLL_MS", "10".to_owned()),
        ("FACEQL_JOBS_BACKOFF_MS", "1".to_owned()),
        ("FACEQL_ONNX_RUNTIME", runtime().display().to_string()),
        ("FACEQL_MODEL_PACK", home().join("packs/standard").display().to_string()),
    ];
    let overrides = overrides.iter().map(|(name, value)| (*name, (*value).to_owned()));
    Config::read(Settings::from_values(defaults.into_iter().chain(overrides))).unwrap()
}

/// ONNX Runtime's library.
pub(crate) fn runtime() -> PathBuf {
    let name = format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    home().join("lib").join(name)
}

/// The real engine, loaded once for all tests; its threads outlive every test's runtime.
pub(crate) async fn real_encoder() -> EmbeddedEncoder {
    static ENCODER: OnceCell<EmbeddedEncoder> = OnceCell::const_new();
    let start = async {
        let unused = tempfile::tempdir().unwrap();
        embedded_encoder(&config(unused.path(), &[]).engine).await.unwrap()
    };
    ENCODER.get_or_init(|| start).await.clone()
}

/// The tenant of requests without a key.
pub(crate) fn caller() -> Caller {
    let tenant = entity::ids::Tenant::parse(faceql::access::caller::ANONYMOUS_TENANT).unwrap();
    Caller::lasting(tenant, Scopes::ALL, Actor::Anonymous)
}

/// All files below `folder`, except hidden ones, which are internal.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let shown = entries.flatten().filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let paths = shown.map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The result of `wanted`, within a time that a healthy server never needs.
pub(crate) async fn soon<T>(wanted: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), wanted).await.expect("it did not happen within a minute")
}

/// The minimum of several counts: background work in between is counted too, but not every time.
pub(crate) async fn fewest(count: impl AsyncFn() -> u64) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..4 {
        least = least.min(count().await);
    }
    least
}

/// Waits until `holds` returns true, within a time that a healthy server never needs.
pub(crate) async fn eventually(holds: impl AsyncFn() -> bool) {
    soon(async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
