//! What the audit log must hold: an entry for each change that was acknowledged.

use std::collections::HashSet;
use std::path::Path;

use entity::audit_entry::{Column, Entity};
use sea_orm::{ColumnTrait, ConnectOptions, Database, EntityTrait, QueryFilter, QuerySelect};

use super::Error;
use super::api::{Api, Log};

/// Request ids that are looked for at once.
const PAGE: usize = 500;

/// What servers have acknowledged so far.
#[derive(Default)]
pub(crate) struct Acknowledged {
    /// Request ids that were not looked for yet.
    pending: Vec<String>,
    /// Acts that were found in the log.
    pub(crate) changes: usize,
    /// Requests that were refused for want of room.
    pub(crate) refused: usize,
    /// Requests whose answers got lost.
    pub(crate) lost: usize,
}

impl Acknowledged {
    /// Adds what became of a server's requests.
    pub(crate) fn take_from(&mut self, api: &Api) {
        let Log { acknowledged, refused, lost } = api.take_log();
        self.pending.extend(acknowledged);
        self.refused += refused;
        self.lost += lost;
    }

    /// Sees that the log in `database`, which no server has open, has an entry for each acknowledged change.
    pub(crate) async fn check(&mut self, database: &Path) -> Result<(), Error> {
        let mut options = ConnectOptions::new(format!("sqlite:{}?mode=ro", database.display()));
        let connection = Database::connect(options.sqlx_logging(false).to_owned()).await?;
        for page in self.pending.chunks(PAGE) {
            let found =
                Entity::find().select_only().column(Column::Request).filter(Column::Request.is_in(page));
            let found: Vec<String> = found.into_tuple().all(&connection).await?;
            let found: HashSet<String> = found.into_iter().collect();
            if let Some(missing) = page.iter().find(|id| !found.contains(*id)) {
                return Err(
                    format!("the request {missing} was acknowledged, but the audit log lacks it").into()
                );
            }
        }
        connection.close().await?;
        self.changes += std::mem::take(&mut self.pending).len();
        Ok(())
    }
}
