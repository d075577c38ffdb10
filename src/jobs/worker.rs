//! Claims jobs of one kind and runs each to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use entity::ids::Tenant;
use sea_orm::DbErr;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug, debug_span, error, info, warn};

use super::finisher::Finisher;
use super::{Claim, Failure, GaveUp, Handler, Job, JobsConfig, Lost, Queue};
use crate::metrics::{AttemptEnd, JobMetrics};
use crate::store::database::{Database, is_storage_fault};
use crate::telemetry::{TRACED, continue_trace_of};

/// Maximum pause before work is retried after a storage failure.
const STORAGE_PAUSE: Duration = Duration::from_secs(10);

/// Pause before writing the end of a job is retried.
const SETTLE_PAUSE: Duration = Duration::from_secs(1);

/// Number of workers that may vanish while holding a job before the job is assumed to be the cause.
const MAX_LOST_LEASES: i32 = 10;

/// Processes one kind of job until it is stopped.
pub struct Worker<H: Handler> {
    database: Database,
    queue: Queue,
    handler: Arc<H>,
    finisher: Finisher<H::Output>,
    config: JobsConfig,
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Cancelled when running jobs must be returned to the queue.
    give_back: CancellationToken,
    metrics: JobMetrics,
}

impl<H: Handler> Worker<H> {
    /// A worker for the jobs of `handler`.
    pub fn new(
        database: Database,
        queue: Queue,
        handler: H,
        config: JobsConfig,
        metrics: JobMetrics,
    ) -> Self {
        let (handler, tasks) = (Arc::new(handler), TaskTracker::new());
        let finisher = Finisher::start(database.clone(), queue.clone(), handler.clone(), &tasks);
        Self {
            database,
            queue,
            handler,
            finisher,
            slots: Arc::new(Semaphore::new(config.concurrency)),
            config,
            tasks,
            give_back: CancellationToken::new(),
            metrics,
        }
    }

    /// Works until `stop`, then lets running jobs finish within `grace` and returns the others to the queue.
    pub async fn run(self, stop: CancellationToken, grace: Duration) {
        // Concurrently: a backlog that keeps claiming busy for hours must not delay reaping.
        tokio::join!(self.claim_until(&stop), self.reap_until(&stop));
        self.drain(grace).await;
    }

    async fn claim_until(&self, stop: &CancellationToken) {
        let mut enqueued = self.queue.watch(H::KIND);
        let mut wanted = 1;
        let mut served = None;
        while let Some(slots) = self.free_slots(wanted, stop).await {
            // Read the counter before the queue, so that jobs enqueued in between wake this loop again.
            enqueued.borrow_and_update();
            match self.claim_and_start(slots, &mut served).await {
                Ok(true) => {
                    // With a backlog, jobs are claimed in batches while the other half of the slots keeps the engine
                    // busy.
                    wanted = (self.config.concurrency / 2).max(1);
                    continue;
                }
                Ok(false) => wanted = 1,
                Err(error) => warn!(%error, kind = H::KIND, "could not claim jobs"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                _ = enqueued.changed() => {}
                () = tokio::time::sleep(self.config.poll) => {}
            }
        }
    }

    /// Periodically takes back the jobs of vanished workers, and ends pauses.
    async fn reap_until(&self, stop: &CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(self.config.poll)).await.is_some() {
            self.reap().await;
        }
    }

    /// Waits until `wanted` slots are free, or a while has passed and one is free; `None` means stop.
    async fn free_slots(&self, wanted: usize, stop: &CancellationToken) -> Option<OwnedSemaphorePermit> {
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let many = self.slots.clone().acquire_many_owned(wanted);
        let slots = async {
            match tokio::time::timeout(self.config.poll, many).await {
                Ok(slots) => slots,
                // A few long jobs must not keep other slots empty.
                Err(_) => self.slots.clone().acquire_owned().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            slots = slots => slots.ok(),
        }
    }

    /// Fills the free slots, of which `slots` are part, with jobs of the tenants after `served`. Returns whether there
    /// may be more to claim.
    async fn claim_and_start(
        &self,
        mut slots: OwnedSemaphorePermit,
        served: &mut Option<Tenant>,
    ) -> Result<bool, DbErr> {
        if !self.queue.has_waiting(H::KIND).await? {
            return Ok(false);
        }
        while let Ok(slot) = self.slots.clone().try_acquire_owned() {
            slots.merge(slot);
        }
        let mut write = self.database.write().await?;
        let claims = self.queue.claim(&write, H::KIND, slots.num_permits() as u64, served).await?;
        let jobs: Vec<&Job> = claims.iter().map(|claim| &claim.job).collect();
        self.handler.begin(&mut write, &jobs).await?;
        write.commit().await?;
        for claim in claims {
            if let Some(slot) = slots.split(1) {
                self.start(claim, slot);
            }
        }
        Ok(slots.num_permits() == 0)
    }

    fn start(&self, claim: Claim, slot: OwnedSemaphorePermit) {
        self.metrics.taken(H::KIND, claim.waited());
        let span = span::<H>(&claim.job);
        let attempt = Attempt {
            database: self.database.clone(),
            queue: self.queue.clone(),
            handler: self.handler.clone(),
            finisher: self.finisher.clone(),
            config: self.config.clone(),
            give_back: self.give_back.clone(),
            metrics: self.metrics.clone(),
            claim,
        };
        let run = async move {
            attempt.run().await;
            drop(slot);
        };
        self.tasks.spawn(run.instrument(span));
    }

    async fn reap(&self) {
        match self.queue.reap(H::KIND).await {
            Ok(0) => {}
            Ok(jobs) => warn!(jobs, "took back jobs whose worker vanished"),
            Err(error) => warn!(%error, "could not take back jobs of vanished workers"),
        }
    }

    async fn drain(self, grace: Duration) {
        // The task ends when the last attempt drops its clone.
        drop(self.finisher);
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            let jobs = self.config.concurrency - self.slots.available_permits();
            warn!(jobs, kind = H::KIND, "returning unfinished jobs to the queue");
            self.give_back.cancel();
            self.tasks.wait().await;
        }
    }
}

/// One attempt at one job.
struct Attempt<H: Handler> {
    database: Database,
    queue: Queue,
    handler: Arc<H>,
    finisher: Finisher<H::Output>,
    config: JobsConfig,
    give_back: CancellationToken,
    metrics: JobMetrics,
    claim: Claim,
}

impl<H: Handler> Attempt<H> {
    async fn run(&self) {
        let start = Instant::now();
        let outcome = self.outcome().await;
        let mut settled = self.settle(&outcome).await;
        while let Err(Lost::Database(error)) = &settled
            && is_storage_fault(error)
        {
            warn!(%error, job.id = %self.claim.job.id, "could not record the end of a job; retrying");
            if self.give_back.run_until_cancelled(tokio::time::sleep(SETTLE_PAUSE)).await.is_none() {
                break;
            }
            settled = self.settle(&outcome).await;
        }
        let end = settled.unwrap_or_else(|lost| match lost {
            Lost::Fenced => {
                debug!(job.id = %self.claim.job.id, "the job was cancelled or taken over");
                AttemptEnd::Lost
            }
            // The lease expires on its own, and the job is taken back then.
            Lost::Database(error) => {
                error!(%error, job.id = %self.claim.job.id, "could not record the end of a job");
                AttemptEnd::Unsettled
            }
        });
        self.metrics.ended(H::KIND, end, start.elapsed());
        describe(&Span::current(), end);
    }

    async fn outcome(&self) -> Outcome<H::Error> {
        if self.claim.job.lost_leases >= MAX_LOST_LEASES {
            return Outcome::Failed(None);
        }
        let running = self.queue.mark_running(self.claim.job.id);
        tokio::select! {
            biased;
            () = running.cancelled.cancelled() => Outcome::Failed(Some(Failure::Lost)),
            result = self.work() => match result {
                Ok(()) => Outcome::Done,
                Err(failure) => Outcome::Failed(Some(failure)),
            },
            () = self.heartbeat() => Outcome::Failed(Some(Failure::Lost)),
            () = self.give_back.cancelled() => Outcome::GiveBack,
        }
    }

    async fn work(&self) -> Result<(), Failure<H::Error>> {
        if !self.config.delay.is_zero() {
            tokio::time::sleep(self.config.delay).await;
        }
        let output = self.handler.perform(&self.claim.job).await?;
        let finished = self.finisher.finish(self.claim.clone(), output);
        finished.instrument(debug_span!(target: TRACED, "finish")).await.map_err(|lost| match lost {
            Lost::Fenced => Failure::Lost,
            Lost::Database(error) if is_storage_fault(&error) => Failure::Storage(error.into()),
            Lost::Database(error) => Failure::Transient(error.into()),
        })
    }

    /// Renews the lease periodically; returns when the lease is lost.
    async fn heartbeat(&self) {
        loop {
            tokio::time::sleep(self.config.lease / 3).await;
            match self.claim.renew().await {
                Ok(()) => {}
                Err(Lost::Fenced) => return,
                Err(Lost::Database(error)) => warn!(%error, "could not renew a lease"),
            }
        }
    }

    async fn settle(&self, outcome: &Outcome<H::Error>) -> Result<AttemptEnd, Lost> {
        let failure = match outcome {
            Outcome::Done => return Ok(AttemptEnd::Completed),
            Outcome::GiveBack => return self.claim.release().await.map(|()| AttemptEnd::Returned),
            Outcome::Failed(failure) => failure,
        };
        match failure {
            None => self.give_up(GaveUp::WorkersVanished).await,
            Some(Failure::Lost) => Err(Lost::Fenced),
            Some(Failure::Storage(error)) => self.postpone(error).await,
            Some(Failure::Permanent(error)) => self.give_up(GaveUp::Failed(error)).await,
            Some(Failure::Transient(error)) if self.claim.failures() >= self.config.max_attempts => {
                self.give_up(GaveUp::Failed(error)).await
            }
            Some(Failure::Transient(error)) => self.try_again(error).await,
        }
    }

    async fn postpone(&self, error: &H::Error) -> Result<AttemptEnd, Lost> {
        let pause = self.config.max_backoff.min(STORAGE_PAUSE);
        let Claim { job, .. } = &self.claim;
        warn!(job.id = %job.id, subject = %job.subject, ?pause, %error, "the storage failed to write a result");
        self.claim.postpone(pause, &error.to_string()).await?;
        Ok(AttemptEnd::Retried)
    }

    async fn try_again(&self, error: &H::Error) -> Result<AttemptEnd, Lost> {
        let pause = self.pause();
        let Claim { job, .. } = &self.claim;
        info!(job.id = %job.id, subject = %job.subject, attempt = job.attempt, ?pause, %error, "retrying later");
        self.claim.reschedule(pause, &error.to_string()).await?;
        Ok(AttemptEnd::Retried)
    }

    async fn give_up(&self, reason: GaveUp<'_, H::Error>) -> Result<AttemptEnd, Lost> {
        let mut write = self.database.write().await?;
        if self.queue.end(&write, [&self.claim]).await?.is_empty() {
            return Err(Lost::Fenced);
        }
        let Claim { job, .. } = &self.claim;
        warn!(job.id = %job.id, subject = %job.subject, attempt = job.attempt, ?reason, "gave up a job");
        self.handler.give_up(&mut write, job, reason).await?;
        write.commit().await?;
        Ok(AttemptEnd::Failed)
    }

    /// Doubles with each failure up to the maximum, and is randomized by half so that retries do not synchronize.
    fn pause(&self) -> Duration {
        let doublings = u32::try_from(self.claim.failures() - 1).unwrap_or(0).min(20);
        let pause = self.config.backoff.saturating_mul(1 << doublings).min(self.config.max_backoff);
        pause.mul_f64(0.5 + self.claim.jitter() / 2.0)
    }
}

/// The attempt's span, in the trace of the request that enqueued the job.
fn span<H: Handler>(job: &Job) -> Span {
    let span = debug_span!(
        target: TRACED, "job",
        otel.name = H::KIND,
        otel.kind = "consumer",
        otel.status_code = Empty,
        job.id = %job.id,
        job.subject = %job.subject,
        job.attempt = job.attempt,
        outcome = Empty,
    );
    continue_trace_of(&span, job.traceparent.as_deref());
    span
}

fn describe(span: &Span, end: AttemptEnd) {
    span.record("outcome", end.name());
    if matches!(end, AttemptEnd::Failed | AttemptEnd::Retried | AttemptEnd::Unsettled) {
        span.record("otel.status_code", "ERROR");
    }
}

enum Outcome<E> {
    Done,
    GiveBack,
    /// `None` if the job was not attempted, because too many workers vanished with it.
    Failed(Option<Failure<E>>),
}
