//! Writes the entries that are not part of a write, in batches shortly after they were recorded.

use std::collections::HashMap;
use std::time::Duration;

use sea_orm::DbErr;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::entry::Entry;
use super::repeats::Repeats;
use super::trail::DONE;
use super::{AuditLog, BUFFER};

/// Entries written per batch.
const BATCH: usize = 1024;

/// How long an entry waits for others; a crash loses at most this period.
const INTERVAL: Duration = Duration::from_millis(200);

/// Delay before a failed write is retried.
const PAUSE: Duration = Duration::from_secs(1);

/// Number of attempts to write the remaining entries at shutdown.
const LAST_ATTEMPTS: usize = 5;

/// How long shutdown waits for acts that still hold a slot.
const GRACE: Duration = Duration::from_secs(1);

/// Refusals of one kind and key with entries of their own per batch; further ones are counted in a single entry.
const REFUSALS: usize = 16;

/// Writes the buffered entries.
pub struct Recorder {
    log: AuditLog,
    waiting: mpsc::Receiver<Entry>,
    /// Entries received but not yet sorted.
    received: Vec<Entry>,
    /// Entries to be written.
    entries: Vec<Entry>,
    repeats: Repeats,
}

impl Recorder {
    pub(super) fn new(log: AuditLog, waiting: mpsc::Receiver<Entry>) -> Self {
        let (received, entries, repeats) = (Vec::new(), Vec::new(), Repeats::default());
        Self { log, waiting, received, entries, repeats }
    }

    /// Writes until `stop`, then writes the remaining entries. All requests must have ended by then.
    pub async fn run(mut self, stop: CancellationToken) {
        while stop.run_until_cancelled(self.gather()).await.is_some() {
            while !self.write().await {
                if stop.run_until_cancelled(sleep(PAUSE)).await.is_none() {
                    break;
                }
            }
        }
        self.waiting.close();
        let rest = async { while self.waiting.recv_many(&mut self.received, BUFFER).await > 0 {} };
        // Acts that continue after this find the buffer closed and fail.
        let _ = timeout(GRACE, rest).await;
        self.sort();
        self.entries.extend(self.repeats.all());
        for _ in 0..LAST_ATTEMPTS {
            if self.write().await {
                return;
            }
            sleep(PAUSE).await;
        }
        error!(entries = self.entries.len(), "entries of the audit log are lost");
    }

    /// Waits for an entry and those that follow shortly, or until the next counting window ends.
    async fn gather(&mut self) {
        tokio::select! {
            _ = self.waiting.recv_many(&mut self.received, BATCH) => {}
            () = self.repeats.next_end() => {}
        }
        let more = async {
            while let room @ 1.. = BATCH.saturating_sub(self.received.len()) {
                self.waiting.recv_many(&mut self.received, room).await;
            }
        };
        // Cancel-safe: on timeout every entry is either here or still in the buffer.
        let _ = timeout(INTERVAL, more).await;
    }

    /// Separates entries to be written now from those that are counted for a while.
    fn sort(&mut self) {
        let now = Instant::now();
        self.entries.extend(self.repeats.ended(now));
        self.entries.extend(self.received.drain(..).filter_map(|entry| self.repeats.take(entry, now)));
    }

    /// Writes the entries; `true` if all were written.
    async fn write(&mut self) -> bool {
        self.sort();
        fold_refusals(&mut self.entries);
        match self.log.write_down(&self.entries).await {
            Ok(()) => {
                self.entries.clear();
                *self.log.failing_since() = None;
                true
            }
            Err(cause) => {
                self.log.failing_since().get_or_insert_with(Instant::now);
                error!(%cause, entries = self.entries.len(), "the audit log could not be written");
                false
            }
        }
    }
}

/// Merges a flood of failed acts into counts, so that a client cannot fill the disk with refused requests. Successful
/// acts keep one entry per request.
fn fold_refusals(entries: &mut Vec<Entry>) {
    let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
    // Number of refusals per kind, and the index of the last one.
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
