//! Whether the database takes writes: known from the writes themselves, and from a probe where there are none.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DbErr};
use tokio::time::timeout;

use super::Database;
use super::fault::{is_storage_fault, storage_fault};

/// How long a commit proves that writes succeed.
const PROOF_LASTS: Duration = Duration::from_secs(15);
/// After how long without a commit a probe is written, when somebody asks.
const PROBE_AFTER: Duration = Duration::from_secs(5);
/// How long a probe may take: it waits for its turn to write.
const PROBE_TIME: Duration = Duration::from_secs(5);

/// What came of the last writes.
#[derive(Default)]
pub(super) struct WriteHealth(Mutex<Outcomes>);

#[derive(Default)]
struct Outcomes {
    last_commit: Option<Instant>,
    /// Why the storage failed since then.
    fault: Option<DbErr>,
    probes: u32,
}

impl WriteHealth {
    /// A write is on the disk.
    pub(super) fn committed(&self) {
        let mut outcomes = self.outcomes();
        outcomes.last_commit = Some(Instant::now());
        outcomes.fault = None;
    }

    /// A write failed; what the storage has no fault in says nothing about it.
    pub(super) fn failed(&self, error: &DbErr) {
        if is_storage_fault(error) {
            self.outcomes().fault = Some(error.clone());
        }
    }

    /// Whether a write was committed so lately, and none has failed since.
    fn is_proven_for(&self, time: Duration) -> bool {
        let outcomes = self.outcomes();
        outcomes.fault.is_none() && outcomes.last_commit.is_some_and(|commit| commit.elapsed() < time)
    }

    fn next_probe(&self) -> u32 {
        let mut outcomes = self.outcomes();
        outcomes.probes = outcomes.probes.wrapping_add(1) & 0x7fff_ffff;
        outcomes.probes
    }

    fn outcomes(&self) -> MutexGuard<'_, Outcomes> {
        // No code that holds the lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Database {
    /// Whether the database takes writes: one was committed within 15 seconds, and none has failed since. Where nobody
    /// has written for a while, this writes a probe.
    ///
    /// # Errors
    /// What hinders writes.
    pub async fn check_writable(&self) -> Result<(), DbErr> {
        self.ownership.check()?;
        if self.health.is_proven_for(PROBE_AFTER) {
            return Ok(());
        }
        match timeout(PROBE_TIME, self.probe()).await {
            Ok(Ok(())) => Ok(()),
            // Others write at length; what they commit counts.
            Err(_) | Ok(Err(DbErr::ConnectionAcquire(_))) if self.health.is_proven_for(PROOF_LASTS) => Ok(()),
            Err(_) => Err(storage_fault("no write was committed for 15 seconds")),
            Ok(failed) => failed,
        }
    }

    /// Commits a change of four bytes in the header of the database file, which SQLite leaves to applications. It needs
    /// no table, and as the page is the same each time, the file does not grow.
    async fn probe(&self) -> Result<(), DbErr> {
        let write = self.write().await?;
        let probe = format!("PRAGMA user_version = {}", self.health.next_probe());
        write.execute_unprepared(&probe).await?;
        write.commit().await?;
        self.health.committed();
        Ok(())
    }
}
