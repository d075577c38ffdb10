//! The composition root: opens the stores, wires the domains and runs the server until it is stopped. Called by `cli`
//! and tests.

mod edge;
mod engines;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::access::database_secret;
use crate::access::database_secret::IdentityError;
use crate::access::keys::Keys;
use crate::audit::{AuditLog, Recorder};
use crate::clock::Clock;
use crate::config::Config;
use crate::containers::{Containers, EncodeImage, Snapshots};
use crate::contours::{Contours, DrawContour};
use crate::detection::{Detections, FindFaces};
use crate::enrollment::Enrollments;
use crate::events::Bus;
use crate::graphql::Domains;
use crate::health::Health;
use crate::http::{Authenticator, HttpConfig, MetricsEndpoint, NoKey, ServeError, router, serve};
use crate::index::EmbeddedIndex;
use crate::inference::{Engines, KnownModels, RemoteError, StartError};
use crate::jobs::{Handler, Queue, Worker};
use crate::metrics::Metrics;
use crate::people::{LoadError, People};
use crate::store::blobs::{BlobError, Blobs};
use crate::store::cleanup::Sweep;
use crate::store::database::{Database, OpenError};
use crate::store::secret::Secret;
use crate::tasks::{Task, Tasks};

pub use engines::{embedded_encoder, engines, idle_engines};

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The database could not be opened.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// A statement failed during startup.
    #[error("the database: {0}")]
    Write(#[from] sea_orm::DbErr),
    /// The blob store could not be opened.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The configured secret is missing or does not belong to the database.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The model pack could not be loaded.
    #[error(transparent)]
    Pack(#[from] vision::PackError),
    /// The embedded engine did not start.
    #[error(transparent)]
    Engine(#[from] StartError),
    /// The client of the encoding service could not be created.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The pack's encoder has no metric or no thresholds.
    #[error("the model pack's encoder has no metric or no thresholds, so faces cannot be compared with it")]
    NoScale,
    /// The index could not be loaded.
    #[error(transparent)]
    Index(#[from] LoadError),
    /// An address could not be listened on.
    #[error(
        "cannot listen on {address}: {source}; stop the process that listens there or set {setting} to another address"
    )]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// The setting that holds the address.
        setting: &'static str,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// Without a key the server would be open to the network.
    #[error(transparent)]
    NoKey(#[from] NoKey),
    /// The HTTP server failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// The service, ready to run.
pub struct App {
    /// Boxed: an `App` is moved through futures, and the configuration is the largest part of it.
    config: Box<Config>,
    database: Database,
    queue: Queue,
    domains: Domains,
    health: Health,
    keys: Keys,
    secret: Secret,
    audit: AuditLog,
    recorder: Recorder,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl App {
    /// Opens the stores of `config`, wires everything to `engines`, and fills the index.
    ///
    /// # Errors
    /// The first store or component that could not be opened, and why.
    pub async fn new(config: Config, clock: Clock, engines: impl Into<Engines>) -> Result<Self, AppError> {
        let engines = engines.into();
        let people = Box::pin(open_people(&config, clock.clone(), &engines)).await?;
        let (database, blobs, models) =
            (people.database.clone(), people.blobs.clone(), people.models.clone());
        let secret = database_secret::secret_of(&database, &config.secret).await?;
        database_secret::note_place(&database, &secret).await?;
        let (audit, recorder) =
            AuditLog::new(database.clone(), &secret, clock.clone(), &config.audit, config.http.shares);
        audit.see_to_note().await?;
        let queue = Queue::new(database.clone(), &clock, &config.jobs);
        let containers = Containers {
            database: database.clone(),
            blobs: blobs.clone(),
            queue: queue.clone(),
            bus: Bus::new(),
            snapshots: Snapshots::default(),
            models,
            clock: clock.clone(),
            limits: config.engine.limits,
            config: config.containers.clone(),
        };
        people.load().await?;
        let enrollments = Enrollments {
            database: database.clone(),
            people: people.clone(),
            bus: Bus::new(),
            clock: clock.clone(),
            config: config.enrollment.clone(),
        };
        let stores = (&database, &blobs, &queue, &clock);
        let detections = Detections {
            tasks: tasks(stores, config.detection.retention),
            feed: Bus::new(),
            limits: config.engine.limits,
        };
        let contours = Contours {
            tasks: tasks(stores, config.contours.retention),
            limits: config.engine.limits,
            least_area: config.contours.least_area,
        };
        let keys = Keys::new(database.clone(), &secret, clock.clone());
        keys.load().await?;
        let metrics = Arc::new(Metrics::new(engines.embedded.metrics(), engines.service_metrics()));
        let health = Health::new(database.clone(), blobs, engines, queue.clone());
        let domains = Domains { containers, people, enrollments, detections, contours };
        let config = Box::new(config);
        Ok(Self { config, database, queue, domains, health, keys, secret, audit, recorder, clock, metrics })
    }

    /// The database, for tests that count its statements.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Configuration of the HTTP server.
    #[must_use]
    pub fn http(&self) -> &HttpConfig {
        &self.config.http
    }

    /// Authenticates callers by the keys of the configuration and of the database.
    #[must_use]
    pub fn authenticator(&self) -> Authenticator {
        let HttpConfig { keys, failed_auth_per_minute, .. } = &self.config.http;
        Authenticator::new(keys.clone(), Some(self.keys.clone()), *failed_auth_per_minute)
    }

    /// The containers domain.
    #[must_use]
    pub fn containers(&self) -> &Containers {
        &self.domains.containers
    }

    /// The people domain.
    #[must_use]
    pub fn people(&self) -> &People {
        &self.domains.people
    }

    /// The detection domain.
    #[must_use]
    pub fn detections(&self) -> &Detections {
        &self.domains.detections
    }

    /// The contours domain.
    #[must_use]
    pub fn contours(&self) -> &Contours {
        &self.domains.contours
    }

    /// Serves `listener` until `stop`, then drains: accepts no new work, waits for running work within the grace time
    /// and releases leases.
    ///
    /// # Errors
    /// When a listener fails.
    pub async fn run(self, listener: TcpListener, stop: CancellationToken) -> Result<(), AppError> {
        let address = listener.local_addr().map_err(ServeError::from)?;
        let scrape = self.scrape();
        serve_metrics(&self.config.http, &scrape, &stop).await?;
        let background = self.start_background(&stop);
        let router = router(self.edge(address, &stop), self.health.clone(), scrape, &self.config.http);
        // The recorder outlives `stop`, since the last requests still write to the audit log.
        let answered = CancellationToken::new();
        let recording = tokio::spawn(self.recorder.run(answered.clone()));
        let served = serve(listener, router, &self.config.http, &stop).await;
        stop.cancel();
        background.wait().await;
        answered.cancel();
        if let Err(panic) = recording.await {
            warn!(%panic, "pending entries of the audit log were not written");
        }
        self.health.blobs.close();
        self.database.close().await;
        Ok(served?)
    }

    /// Starts the background tasks: workers, cleanup, expiry and the refresh of keys.
    fn start_background(&self, stop: &CancellationToken) -> TaskTracker {
        let tasks = TaskTracker::new();
        let Domains { containers, people, enrollments, detections, contours } = self.domains.clone();
        let Engines { encoder, embedded } = self.health.engines.clone();
        self.work(&tasks, EncodeImage::new(containers.clone(), encoder), stop);
        self.work(&tasks, FindFaces::new(detections.clone(), embedded.clone()), stop);
        self.work(&tasks, DrawContour::new(contours.clone(), embedded), stop);
        self.sweep(&tasks, containers, stop);
        self.sweep(&tasks, people, stop);
        self.sweep(&tasks, detections.tasks, stop);
        self.sweep(&tasks, contours.tasks, stop);
        self.sweep(&tasks, self.audit.clone(), stop);
        let until = stop.clone();
        tasks.spawn(async move { enrollments.expire_until(until).await });
        let (keys, until) = (self.keys.clone(), stop.clone());
        tasks.spawn(async move { keys.refresh_until(until).await });
        let (database, until) = (self.database.clone(), stop.clone());
        tasks.spawn(async move { database.erase_until(until).await });
        tasks.close();
        tasks
    }

    fn work(&self, tasks: &TaskTracker, handler: impl Handler, stop: &CancellationToken) {
        let (config, metrics) = (self.config.jobs.clone(), self.metrics.jobs.clone());
        let worker = Worker::new(self.database.clone(), self.queue.clone(), handler, config, metrics);
        tasks.spawn(worker.run(stop.clone(), self.config.http.shutdown_grace));
    }

    fn sweep(&self, tasks: &TaskTracker, domain: impl Sweep, stop: &CancellationToken) {
        tasks.spawn(self.config.sweep.clone().sweep_until(domain, self.clock.clone(), stop.clone()));
    }
}

/// Tasks of one type in these stores.
fn tasks<E: Task>(
    (database, blobs, queue, clock): (&Database, &Blobs, &Queue, &Clock),
    retention: Duration,
) -> Tasks<E> {
    Tasks {
        database: database.clone(),
        blobs: blobs.clone(),
        queue: queue.clone(),
        changes: Bus::new(),
        clock: clock.clone(),
        retention,
    }
}

/// Opens the stores of `config` for the people domain. The index is empty until [`People::load`].
///
/// # Errors
/// The first store that could not be opened, and why.
pub async fn open_people(config: &Config, clock: Clock, engines: &Engines) -> Result<People, AppError> {
    let scale = People::scale_of(&engines.embedded).ok_or(AppError::NoScale)?;
    let database = Database::open(&config.database).await?;
    let blobs = Blobs::open(&config.blobs, config.database.durable)?;
    let models = KnownModels::new(database.clone());
    for card in engines.models() {
        models.note(card).await?;
    }
    let people = People {
        database,
        blobs,
        index: Arc::new(EmbeddedIndex::new()),
        engine: engines.embedded.clone(),
        scale,
        models,
        clock,
        config: config.people.clone(),
    };
    people.normalize_names().await?;
    Ok(people)
}

/// Serves metrics at the metrics address of `config`, if there is one, until `stop`.
///
/// # Errors
/// When that address cannot be listened on.
pub async fn serve_metrics(
    config: &HttpConfig,
    scrape: &MetricsEndpoint,
    stop: &CancellationToken,
) -> Result<(), AppError> {
    let Some(address) = config.metrics_listen else { return Ok(()) };
    let failed = |source| AppError::Listen { address, setting: "FACEQL_METRICS_LISTEN", source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    info!("metrics are at http://{}/metrics", listener.local_addr().map_err(failed)?);
    tokio::spawn(scrape.clone().serve(listener, config.clone(), stop.clone()));
    Ok(())
}
