//! Checks that the audit log has an entry for each acknowledged change.

use std::collections::HashSet;
use std::path::Path;

use entity::audit_entry::{Column, Entity};
use sea_orm::{ColumnTrait, ConnectOptions, Database, EntityTrait, QueryFilter, QuerySelect};

use super::Error;
use super::api::{Api, Log};

/// Number of request ids per query.
const PAGE: usize = 500;

/// What the servers have acknowledged so far.
#[derive(Default)]
pub(crate) struct Acknowledged {
    /// Request ids that have not been checked yet.
    pending: Vec<String>,
    /// Number of acts that were found in the log.
    pub(crate) changes: usize,
    /// Number of requests refused for lack of space.
    pub(crate) refused: usize,
    /// Number of requests whose responses were lost.
    pub(crate) lost: usize,
}

impl Acknowledged {
    /// Adds the outcomes of a server's requests.
    pub(crate) fn take_from(&mut self, api: &Api) {
        let Log { acknowledged, refused, lost } = api.take_log();
        self.pending.extend(acknowledged);
        self.refused += refused;
        self.lost += lost;
    }

    /// Checks that the log in `database`, which no server has open, has an entry for each acknowledged change.
    pub(crate) async fn check(&mut self, database: &Path) -> Result<(), Error> {
        let mut options = ConnectOptions::new(format!("sqlite:{}?mode=ro", database.display()));
        let connection = Database::connect(options.sqlx_logging(false).to_owned()).await?;
        for page in self.pending.chunks(PAGE) {
            let found =
                Entity::find().select_only().column(Column::Request).filter(Column::Request.is_in(page));
            let found: Vec<String> = found.into_tuple().all(&connection).await?;
            let found: HashSet<String> = found.into_iter().collect();
            if let Some(missing) = page.iter().find(|id| !found.contains(*id)) {
                return Err(format!(
                    "the request {missing} was acknowledged, but is missing from the audit log"
                )
                .into());
            }
        }
        connection.close().await?;
        self.changes += std::mem::take(&mut self.pending).len();
        Ok(())
    }
}
