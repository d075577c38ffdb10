//! Whether the database accepts writes: derived from recent writes, or from a probe if there were none.

use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use sea_orm::{ConnectionTrait, DbErr};
use tokio::time::timeout;

use super::Database;
use super::fault::{is_storage_fault, storage_fault};

/// How long a commit proves that writes succeed.
const PROOF_LASTS: Duration = Duration::from_secs(15);
/// Time without a commit after which a check writes a probe.
const PROBE_AFTER: Duration = Duration::from_secs(5);
/// Maximum duration of a probe, including its wait for the writer.
const PROBE_TIME: Duration = Duration::from_secs(5);

/// The outcomes of recent writes.
#[derive(Default)]
pub(super) struct WriteHealth(Mutex<Outcomes>);

#[derive(Default)]
struct Outcomes {
    last_commit: Option<Instant>,
    /// Storage failure since the last commit, if any.
    fault: Option<DbErr>,
    probes: u32,
}

impl WriteHealth {
    /// Records a committed write.
    pub(super) fn committed(&self) {
        let mut outcomes = self.outcomes();
        outcomes.last_commit = Some(Instant::now());
        outcomes.fault = None;
    }

    /// Records a failed write; errors other than storage failures are ignored.
    pub(super) fn failed(&self, error: &DbErr) {
        if is_storage_fault(error) {
            self.outcomes().fault = Some(error.clone());
        }
    }

    /// Whether a write was committed within `time` and none has failed since.
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
        self.0.lock()
    }
}

impl Database {
    /// Checks that the database accepts writes: one was committed within 15 seconds, and none has failed since. If
    /// there was no recent write, writes a probe.
    ///
    /// # Errors
    /// The reason why writes fail.
    pub async fn check_writable(&self) -> Result<(), DbErr> {
        self.ownership.check()?;
        if self.health.is_proven_for(PROBE_AFTER) {
            return Ok(());
        }
        match timeout(PROBE_TIME, self.probe()).await {
            Ok(Ok(())) => Ok(()),
            // Long writes of other tasks may delay the probe; their commits prove the same.
            Err(_) | Ok(Err(DbErr::ConnectionAcquire(_))) if self.health.is_proven_for(PROOF_LASTS) => Ok(()),
            Err(_) => Err(storage_fault("no write was committed for 15 seconds")),
            Ok(failed) => failed,
        }
    }

    /// Commits a change of the four-byte user version in the database file's header, which SQLite leaves to
    /// applications. This needs no table, and the file does not grow because the page is always the same.
    async fn probe(&self) -> Result<(), DbErr> {
        let write = self.write().await?;
        let probe = format!("PRAGMA user_version = {}", self.health.next_probe());
        write.execute_unprepared(&probe).await?;
        write.commit().await?;
        self.health.committed();
        Ok(())
    }
}
