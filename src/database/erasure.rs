//! What is deleted must be gone from the disk as well. `secure_delete` overwrites it in the pages of the database
//! file, but the write-ahead log goes on holding the pages as they were, until it is folded into the file and cut off.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Database, Write};

/// How often is looked whether something is to be erased: well within the minute that is promised.
const INTERVAL: Duration = Duration::from_secs(10);

impl Database {
    /// Once `write` is committed, what it deleted will be erased from the disk soon.
    pub fn erase_after(&self, write: &mut Write) {
        let due = self.erasure_due.clone();
        write.after_commit(move || due.store(true, Ordering::Relaxed));
    }

    /// Erases what was deleted, now and again until `stop`.
    pub async fn erase_until(&self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
            if let Err(error) = self.erase_due().await {
                warn!(%error, "could not erase what was deleted; will try again");
            }
        }
    }

    /// As [`Self::erase`], if there may be something to erase.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase_due(&self) -> Result<(), DbErr> {
        if self.erasure_due.load(Ordering::Relaxed) { self.erase().await } else { Ok(()) }
    }

    /// Erases what was deleted so far. A reader that is slow to end puts it off to the next time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase(&self) -> Result<(), DbErr> {
        let mut turn = self.writer.lock().await;
        let writer = turn.take().await?;
        // What fails or is cut off closes the connection.
        let busy = cut_off_the_log(&writer).await?;
        turn.put_back(writer);
        if busy {
            debug!("a reader holds the write-ahead log; it is cut off the next time");
        }
        self.erasure_due.store(busy, Ordering::Relaxed);
        Ok(())
    }
}

/// Folds the write-ahead log into the file and cuts it off; whether a reader was in the way.
async fn cut_off_the_log(writer: &DatabaseConnection) -> Result<bool, DbErr> {
    let checkpoint = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
    match writer.query_one_raw(checkpoint).await? {
        Some(row) => Ok(row.try_get_by_index::<i32>(0)? != 0),
        None => Ok(false),
    }
}
