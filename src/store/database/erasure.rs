//! Erases deleted data from the disk. `secure_delete` overwrites it in the database file, but the write-ahead log keeps
//! the old pages until it is checkpointed and truncated.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Database, Write};

/// Interval between checks: well within the guaranteed minute.
const INTERVAL: Duration = Duration::from_secs(10);

impl Database {
    /// Schedules the erasure of what `write` deletes, shortly after its commit.
    pub fn erase_after(&self, write: &mut Write) {
        let due = self.erasure_due.clone();
        write.after_commit(move || due.store(true, Ordering::Relaxed));
    }

    /// Erases deleted data periodically until `stop`.
    pub async fn erase_until(&self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
            if let Err(error) = self.erase_due().await {
                warn!(%error, "could not erase deleted data; retrying later");
            }
        }
    }

    /// Like [`Self::erase`], if there may be something to erase.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase_due(&self) -> Result<(), DbErr> {
        if self.erasure_due.load(Ordering::Relaxed) { self.erase().await } else { Ok(()) }
    }

    /// Erases the data deleted so far. A long-running reader postpones this to the next run.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase(&self) -> Result<(), DbErr> {
        let mut turn = self.writer.lock().await;
        let writer = turn.take().await?;
        // A failure or cancellation closes the connection.
        let busy = cut_off_the_log(&writer).await?;
        turn.put_back(writer);
        if busy {
            debug!("a reader holds the write-ahead log; truncating it in the next run");
        }
        self.erasure_due.store(busy, Ordering::Relaxed);
        Ok(())
    }
}

/// Checkpoints and truncates the write-ahead log; returns whether a reader prevented it.
async fn cut_off_the_log(writer: &DatabaseConnection) -> Result<bool, DbErr> {
    let checkpoint = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
    match writer.query_one_raw(checkpoint).await? {
        Some(row) => Ok(row.try_get_by_index::<i32>(0)? != 0),
        None => Ok(false),
    }
}
