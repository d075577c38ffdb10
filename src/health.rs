//! How every part of a running server is: told by `service` and by `/health/ready`.

use sea_orm::DbErr;
use vision::ModelCard;

use crate::blobs::Blobs;
use crate::database::Database;
use crate::inference::Engines;
use crate::jobs::Queue;

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
}

/// A part and how it is.
pub struct Component {
    /// Its name.
    pub name: &'static str,
    /// One line; `Err` when it does not work.
    pub state: Result<String, String>,
}

impl Health {
    /// The state of every part.
    pub async fn check(&self) -> Vec<Component> {
        let (database, blobs, encoder, depth) = tokio::join!(
            self.database.ping(),
            self.blobs.probe(),
            self.engines.encoder.health(),
            self.queue.depth()
        );
        let said = |error: DbErr| error.to_string();
        let database = database.map(|()| "SQLite answers".into()).map_err(said);
        let blobs = blobs.map(|()| "the folder is writable".into()).map_err(|error| error.to_string());
        let jobs = depth.map(|jobs| format!("{jobs} job(s) waiting or at work")).map_err(said);
        [("database", database), ("blobs", blobs), ("encoder", encoder), ("jobs", jobs)]
            .map(|(name, state)| Component { name, state })
            .into()
    }

    /// The models at work.
    #[must_use]
    pub fn models(&self) -> Vec<&ModelCard> {
        self.engines.models()
    }
}
