//! Writes down what is part of no write: many entries together, soon after they were noted.

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
    /// What has come and was not looked at yet.
    received: Vec<Entry>,
    /// What is to be written.
    entries: Vec<Entry>,
    repeats: Repeats,
}

impl Recorder {
    pub(super) fn new(log: AuditLog, waiting: mpsc::Receiver<Entry>) -> Self {
        let (received, entries, repeats) = (Vec::new(), Vec::new(), Repeats::default());
        Self { log, waiting, received, entries, repeats }
    }

    /// Writes until `stop`, and then what is left; all requests must have ended by then.
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
        // Whoever goes on after that finds the buffer closed, and is refused.
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

    /// Waits for an entry and for those that soon follow it, or until repeats have been counted for long enough.
    async fn gather(&mut self) {
        tokio::select! {
            _ = self.waiting.recv_many(&mut self.received, BATCH) => {}
            () = self.repeats.next_end() => return,
        }
        let more = async {
            while let room @ 1.. = BATCH.saturating_sub(self.received.len()) {
                self.waiting.recv_many(&mut self.received, room).await;
            }
        };
        // Cut off, it leaves everything either here or in the buffer.
        let _ = timeout(INTERVAL, more).await;
    }

    /// Tells apart what is to be written now, and what is only counted for a while.
    fn sort(&mut self) {
        let now = Instant::now();
        self.entries.extend(self.repeats.ended(now));
        self.entries.extend(self.received.drain(..).filter_map(|entry| self.repeats.take(entry, now)));
    }

    /// Whether everything is written.
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
