//! Writes down what is part of no write: many entries together, soon after they were noted.

use std::collections::HashMap;
use std::time::Duration;

use sea_orm::DbErr;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::entry::Entry;
use super::trail::DONE;
use super::{AuditLog, BUFFER};

/// Entries written at once.
const BATCH: usize = 1024;

/// How long an entry waits for others: a crash loses no more.
const INTERVAL: Duration = Duration::from_millis(200);

/// How long is waited before entries that could not be written are tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// How often entries are tried again after the end of the last request.
const LAST_ATTEMPTS: usize = 5;

/// How long is waited at the end for those who still have a seat.
const GRACE: Duration = Duration::from_secs(1);

/// Refusals of one kind, for one key, that are told apart within a batch; those beyond have one entry that counts them.
const REFUSALS: usize = 16;

/// Writes what waits in the buffer.
pub struct Recorder {
    log: AuditLog,
    waiting: mpsc::Receiver<Entry>,
}

impl Recorder {
    pub(super) fn new(log: AuditLog, waiting: mpsc::Receiver<Entry>) -> Self {
        Self { log, waiting }
    }

    /// Writes until `stop`, and then what is left; all requests must have ended by then.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut entries = Vec::new();
        while stop.run_until_cancelled(self.gather(&mut entries)).await.is_some() {
            while !self.write(&mut entries).await {
                if stop.run_until_cancelled(sleep(PAUSE)).await.is_none() {
                    break;
                }
            }
        }
        self.waiting.close();
        let rest = async { while self.waiting.recv_many(&mut entries, BUFFER).await > 0 {} };
        // Whoever goes on after that finds the buffer closed, and is refused.
        let _ = timeout(GRACE, rest).await;
        for _ in 0..LAST_ATTEMPTS {
            if self.write(&mut entries).await {
                return;
            }
            sleep(PAUSE).await;
        }
        error!(entries = entries.len(), "entries of the audit log are lost");
    }

    /// Waits for an entry and for those that soon follow it.
    async fn gather(&mut self, entries: &mut Vec<Entry>) {
        self.waiting.recv_many(entries, BATCH).await;
        let more = async {
            while entries.len() < BATCH {
                self.waiting.recv_many(entries, BATCH - entries.len()).await;
            }
        };
        // Cut off, it leaves everything either here or in the buffer.
        let _ = timeout(INTERVAL, more).await;
    }

    /// Whether all `entries` are written; they are gone then.
    async fn write(&self, entries: &mut Vec<Entry>) -> bool {
        fold_refusals(entries);
        match self.log.write_down(entries).await {
            Ok(()) => {
                entries.clear();
                *self.log.failing_since() = None;
                true
            }
            Err(cause) => {
                self.log.failing_since().get_or_insert_with(Instant::now);
                error!(%cause, entries = entries.len(), "the audit log could not be written");
                false
            }
        }
    }
}

/// Counts a flood together of what did not succeed: whoever is refused as fast as possible shall not fill the disk. What
/// succeeded keeps an entry for each request.
fn fold_refusals(entries: &mut Vec<Entry>) {
    let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
    // How many there are of each kind, and where the last of them is.
    let mut refused = HashMap::new();
    for entry in entries.drain(..) {
        if entry.outcome == DONE {
            kept.push(entry);
            continue;
        }
        let (count, last) = refused.entry(entry.kind()).or_insert((0, 0));
        let counting = kept.get_mut(*last).filter(|_| *count > REFUSALS);
        let rest = match counting {
            Some(counting) => counting.absorb(entry).err(),
            None => Some(entry),
        };
        if let Some(entry) = rest {
            (*count, *last) = (*count + 1, kept.len());
            kept.push(entry);
        }
    }
    *entries = kept;
}

impl AuditLog {
    async fn write_down(&self, entries: &[Entry]) -> Result<(), DbErr> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut write = self.database.write().await?;
        self.append(&mut write, entries).await?;
        write.commit().await
    }
}
