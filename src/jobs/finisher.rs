//! Writes the results of finished jobs, several per write: each commit waits for the disk, and jobs of one engine batch
//! finish together.

use std::collections::HashSet;
use std::sync::Arc;

use sea_orm::DbErr;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::{Claim, Done, Handler, Lease, Lost, Queue};
use crate::store::database::{Database, Write};

/// Maximum number of results per write.
const MAX_TOGETHER: usize = 16;

/// Accepts results to be written. The writing task ends when the last clone is dropped.
pub(super) struct Finisher<T>(mpsc::Sender<Finished<T>>);

/// A result, and the attempt that waits until it is written.
struct Finished<T> {
    claim: Claim,
    done: Done<T>,
    reply: oneshot::Sender<Result<(), Lost>>,
}

impl<T: Send + Sync + 'static> Finisher<T> {
    /// Starts the writing task as one of `tasks`.
    pub(super) fn start<H: Handler<Output = T>>(
        database: Database,
        queue: Queue,
        handler: Arc<H>,
        tasks: &TaskTracker,
    ) -> Self {
        let (finished, waiting) = mpsc::channel(MAX_TOGETHER);
        let writer = Writer { database, queue, handler, tasks: tasks.clone() };
        tasks.spawn(writer.run(waiting));
        Self(finished)
    }

    /// Ends the claimed job with its result; returns once both are committed.
    pub(super) async fn finish(&self, claim: Claim, output: T) -> Result<(), Lost> {
        let stopped = || Lost::Database(DbErr::Custom("results are no longer written".into()));
        let (reply, answer) = oneshot::channel();
        let done = Done { job: claim.job.clone(), output };
        self.0.send(Finished { claim, done, reply }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl<T> Clone for Finisher<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Writer<H> {
    database: Database,
    queue: Queue,
    handler: Arc<H>,
    tasks: TaskTracker,
}

impl<H: Handler> Writer<H> {
    async fn run(self, mut waiting: mpsc::Receiver<Finished<H::Output>>) {
        while let Some(first) = waiting.recv().await {
            // While this waits for the writer, jobs that finished at the same time arrive.
            let write = self.database.write().await;
            let more = std::iter::from_fn(|| waiting.try_recv().ok()).take(MAX_TOGETHER - 1);
            let together = std::iter::once(first).chain(more).collect();
            match write {
                Ok(write) => self.settle(write, together).await,
                Err(error) => self.answer(&Err(error), together),
            }
        }
    }

    async fn settle(&self, write: Write, together: Vec<Finished<H::Output>>) {
        match self.write(write, &together).await {
            // A single result may have caused the failure, so each is retried alone.
            Err(error) if together.len() > 1 => {
                warn!(%error, jobs = together.len(), "could not write results together; writing each one alone");
                for alone in together {
                    self.settle_alone(alone).await;
                }
            }
            written => self.answer(&written, together),
        }
    }

    async fn settle_alone(&self, alone: Finished<H::Output>) {
        let written = match self.database.write().await {
            Ok(write) => self.write(write, std::slice::from_ref(&alone)).await,
            Err(error) => Err(error),
        };
        self.answer(&written, vec![alone]);
    }

    /// Writes the results whose claims are still held; returns the leases of those.
    async fn write(
        &self,
        mut write: Write,
        finished: &[Finished<H::Output>],
    ) -> Result<HashSet<Lease>, DbErr> {
        let held = self.queue.end(&write, finished.iter().map(|finished| &finished.claim)).await?;
        let done = finished.iter().filter(|finished| held.contains(&finished.claim.lease()));
        let done: Vec<_> = done.map(|finished| &finished.done).collect();
        self.handler.finish(&mut write, &done).await?;
        write.commit().await?;
        Ok(held)
    }

    /// Notifies all waiting attempts, and cleans up after the written jobs.
    fn answer(&self, written: &Result<HashSet<Lease>, DbErr>, finished: Vec<Finished<H::Output>>) {
        let mut ended = Vec::new();
        for Finished { claim, done, reply } in finished {
            let answer = match written {
                Ok(held) if held.contains(&claim.lease()) => {
                    ended.push(done);
                    Ok(())
                }
                Ok(_) => Err(Lost::Fenced),
                Err(error) => Err(Lost::Database(error.clone())),
            };
            // The attempt may have been cancelled in the meantime.
            let _ = reply.send(answer);
        }
        if !ended.is_empty() {
            let handler = self.handler.clone();
            self.tasks.spawn(async move { handler.clean_up(&ended).await });
        }
    }
}
