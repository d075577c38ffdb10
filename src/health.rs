//! Health of each component of a running server, reported by the `service` field and by `/health/ready`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::DbErr;
use tokio::sync::Mutex;
use vision::ModelCard;

use crate::inference::Engines;
use crate::jobs::Queue;
use crate::store::blobs::Blobs;
use crate::store::database::Database;

/// How long a result is cached: a check writes a file and calls a service, and needs no key.
const KEPT: Duration = Duration::from_secs(2);

/// Checks the components. Clones share the cached result.
#[derive(Clone)]
pub struct Health {
    /// Checked for whether it accepts writes.
    pub database: Database,
    /// Checked for whether its folder is writable.
    pub blobs: Blobs,
    /// The embedded engine and, if configured, the external encoding service.
    pub engines: Engines,
    /// Checked for its number of pending jobs.
    pub queue: Queue,
    last: Arc<Mutex<Option<Look>>>,
}

/// A cached result and its time.
struct Look {
    at: Instant,
    components: Arc<[Component]>,
}

/// A component and its state.
pub struct Component {
    /// `database`, `blobs`, `engine`, `jobs` or `encoder`.
    pub name: &'static str,
    /// A one-line description; `Err` with the reason when the component does not work.
    pub state: Result<String, String>,
}

impl Health {
    /// Health checks for these components.
    #[must_use]
    pub fn new(database: Database, blobs: Blobs, engines: Engines, queue: Queue) -> Self {
        Self { database, blobs, engines, queue, last: Arc::default() }
    }

    /// The state of every component, at most two seconds old. Concurrent calls share one check.
    pub async fn check(&self) -> Arc<[Component]> {
        let mut last = self.last.lock().await;
        if let Some(look) = last.as_ref()
            && look.at.elapsed() < KEPT
        {
            return look.components.clone();
        }
        let components: Arc<[Component]> = self.look().await.into();
        *last = Some(Look { at: Instant::now(), components: components.clone() });
        components
    }

    async fn look(&self) -> Vec<Component> {
        let (database, blobs, service, depth) = tokio::join!(
            self.database.check_writable(),
            self.blobs.probe(),
            self.engines.service_health(),
            self.queue.depth()
        );
        let said = |error: DbErr| error.to_string();
        let database = database.map(|()| "SQLite accepts writes".into()).map_err(said);
        let blobs = blobs.map(|()| "the folder is writable".into()).map_err(|error| error.to_string());
        let jobs = depth.map(|jobs| format!("{jobs} job(s) queued or running")).map_err(said);
        let engine = self.engines.embedded.health();
        let own = [("database", database), ("blobs", blobs), ("engine", engine), ("jobs", jobs)];
        let service = service.map(|state| ("encoder", state));
        own.into_iter().chain(service).map(|(name, state)| Component { name, state }).collect()
    }

    /// The models in use.
    #[must_use]
    pub fn models(&self) -> Vec<&ModelCard> {
        self.engines.models()
    }
}
