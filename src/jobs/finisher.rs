//! Writes what finished jobs gave, several in one write: a commit waits for the disk, and jobs that the engine
//! worked on together end together.

use std::sync::Arc;

use sea_orm::DbErr;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::{Claim, Done, Handler, Lost, Queue};
use crate::database::{Database, Write};

/// Results written at once.
const MAX_TOGETHER: usize = 16;

/// Takes results to be written. The task that writes them ends with the last clone.
pub(super) struct Finisher<T>(mpsc::Sender<Finished<T>>);

/// A result, and who waits to hear that it is written.
struct Finished<T> {
    claim: Claim,
    output: T,
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
        self.0.send(Finished { claim, output, reply }).await.map_err(|_| stopped())?;
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
            // By the turn to write, what ended with the first is there as well.
            let write = self.database.write().await;
            let more = std::iter::from_fn(|| waiting.try_recv().ok()).take(MAX_TOGETHER - 1);
            let together = std::iter::once(first).chain(more).collect();
            self.settle(write, together).await;
        }
    }

    async fn settle(&self, write: Result<Write, DbErr>, finished: Vec<Finished<H::Output>>) {
        let (mut claims, mut outputs, mut replies) = (Vec::new(), Vec::new(), Vec::new());
        for Finished { claim, output, reply } in finished {
            claims.push(claim);
            outputs.push(output);
            replies.push(reply);
        }
        let written = match write {
            Ok(write) => self.write(write, &claims, outputs).await,
            Err(error) => Err(error),
        };
        for (claim, reply) in claims.iter().zip(replies) {
            let answer = match &written {
                Ok(done) if done.iter().any(|done| done.job.id == claim.job.id) => Ok(()),
                Ok(_) => Err(Lost::Fenced),
                Err(error) => Err(Lost::Database(error.clone())),
            };
            // The attempt may have been cancelled in the meantime.
            let _ = reply.send(answer);
        }
        if let Ok(done) = written {
            let handler = self.handler.clone();
            self.tasks.spawn(async move { handler.clean_up(&done).await });
        }
    }

    /// Returns what was written: the results of the claims that are still held.
    async fn write(
        &self,
        mut write: Write,
        claims: &[Claim],
        outputs: Vec<H::Output>,
    ) -> Result<Vec<Done<H::Output>>, DbErr> {
        let held = self.queue.end(&write, claims).await?;
        let results = claims.iter().zip(outputs).filter(|(claim, _)| held.contains(&claim.job.id));
        let done: Vec<_> = results.map(|(claim, output)| Done { job: claim.job.clone(), output }).collect();
        self.handler.finish(&mut write, &done).await?;
        write.commit().await?;
        Ok(done)
    }
}
