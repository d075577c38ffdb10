//! How every part of a running server is: told by `service` and by `/health/ready`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::DbErr;
use tokio::sync::Mutex;
use vision::ModelCard;

use crate::blobs::Blobs;
use crate::database::Database;
use crate::inference::Engines;
use crate::jobs::Queue;

/// How long an answer holds: a look writes a file and asks a service, and anybody may ask for it.
const KEPT: Duration = Duration::from_secs(2);

/// Looks at the parts. Cloning shares them.
#[derive(Clone)]
pub struct Health {
    /// Rows.
    pub database: Database,
    /// Bytes.
    pub blobs: Blobs,
    /// Who encodes.
    pub engines: Engines,
    /// Background work.
    pub queue: Queue,
    last: Arc<Mutex<Option<Look>>>,
}

/// What was seen, and when.
struct Look {
    at: Instant,
    components: Arc<[Component]>,
}

/// A part and how it is.
pub struct Component {
    /// Its name.
    pub name: &'static str,
    /// One line; `Err` when it does not work.
    pub state: Result<String, String>,
}

impl Health {
    /// The health of these parts.
    #[must_use]
    pub fn new(database: Database, blobs: Blobs, engines: Engines, queue: Queue) -> Self {
        Self { database, blobs, engines, queue, last: Arc::default() }
    }

    /// The state of every part, as it was two seconds ago at most. Who asks meanwhile waits for the same look.
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
        let database = database.map(|()| "SQLite takes writes".into()).map_err(said);
        let blobs = blobs.map(|()| "the folder is writable".into()).map_err(|error| error.to_string());
        let jobs = depth.map(|jobs| format!("{jobs} job(s) waiting or at work")).map_err(said);
        let engine = self.engines.embedded.health();
        let own = [("database", database), ("blobs", blobs), ("engine", engine), ("jobs", jobs)];
        let service = service.map(|state| ("encoder", state));
        own.into_iter().chain(service).map(|(name, state)| Component { name, state }).collect()
    }

    /// The models at work.
    #[must_use]
    pub fn models(&self) -> Vec<&ModelCard> {
        self.engines.models()
    }
}
