//! Deletes old entries. The chain then begins after them: the sealed head stores where, and the previous MAC.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::audit_entry::{Column, Entity, Model};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tracing::error;

use super::AuditLog;
use super::chain::stored_ends;
use crate::store::cleanup::Sweep;

/// Entries deleted per write.
const BATCH: usize = 1000;

impl Sweep for AuditLog {
    const NAME: &'static str = "audit";

    type Error = DbErr;

    async fn sweep(&self, _: Duration) -> Result<(), DbErr> {
        let Some(retention) = self.retention else { return Ok(()) };
        let time = self.clock.now() - retention;
        while self.forget_before(time).await? == BATCH {}
        Ok(())
    }
}

impl AuditLog {
    /// Deletes the oldest entries if they are from before `time`, and returns how many. A modified entry and all
    /// entries after it are kept: otherwise a forged time could cause an entry's deletion.
    async fn forget_before(&self, time: DateTime<Utc>) -> Result<usize, DbErr> {
        // This check does not occupy the writer.
        if !oldest(self.database.reader(), 1).await?.iter().any(|entry| entry.time < time) {
            return Ok(0);
        }
        let write = self.database.write().await?;
        let mut ends = match stored_ends(&*write).await? {
            Some(ends) if self.chain.is_sealed(&ends) => ends,
            // Appending the next entry reports it.
            _ => return Ok(0),
        };
        let mut forgotten = 0;
        for entry in oldest(&*write, BATCH).await?.into_iter().take_while(|entry| entry.time < time) {
            if entry.sequence != ends.first_sequence || !self.chain.fits(&ends.before_first, &entry) {
                let sequence = ends.first_sequence;
                error!(
                    sequence,
                    "an old entry of the audit log was modified or removed; retention stops before it"
                );
                break;
            }
            (ends.first_sequence, ends.before_first) = (entry.sequence + 1, entry.mac);
            forgotten += 1;
        }
        let old = Column::Sequence.lt(ends.first_sequence);
        Entity::delete_many().filter(old).exec(&*write).await?;
        self.chain.keep(&write, ends).await?;
        write.commit().await?;
        Ok(forgotten)
    }
}

async fn oldest(database: &impl ConnectionTrait, count: usize) -> Result<Vec<Model>, DbErr> {
    Entity::find().order_by_asc(Column::Sequence).limit(count as u64).all(database).await
}
