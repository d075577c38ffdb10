//! The jobs table: enqueue, claim, renew, end. Every change of a claimed job is fenced by its lease token.
//!
//! A waiting job waits for its turn, not for a time. Times only end what holds a job, and setting the machine's clock
//! neither shortens nor lengthens that: the queue uses a steady clock, and a job is held no longer than its kind of
//! hold lasts, whatever an earlier process has written.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use entity::ids::{JobId, Tenant};
use entity::job::{ActiveModel, Column, Entity, Model};
use parking_lot::{Mutex, MutexGuard};
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{
    ActiveValue::Set, Condition, DbErr, EntityTrait, ExprTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    Select, UpdateMany,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::JobsConfig;
use super::statements::{self, Hold};
use crate::clock::Clock;
use crate::metrics::JobCount;
use crate::store::database::{Database, Write};
use crate::telemetry::traceparent;

/// A job as it was when it was claimed.
pub type Job = Model;

/// How long job counts are cached: counting reads every waiting job, and many clients may request it.
const COUNTS_KEPT: Duration = Duration::from_secs(2);

type Counted = (Instant, Vec<JobCount>);

/// The queue of all kinds of jobs. Clones share the same state.
#[derive(Clone)]
pub struct Queue {
    database: Database,
    /// Unaffected by changes of the machine's clock: see [`Clock::steady`].
    clock: Clock,
    lease: Duration,
    longest_pause: Duration,
    /// The last result of [`Self::counts`], with its time.
    counted: Arc<tokio::sync::Mutex<Option<Counted>>>,
    /// Per kind, the number of jobs enqueued by this process.
    enqueued: Arc<Mutex<HashMap<&'static str, watch::Sender<u64>>>>,
    running: Arc<Mutex<HashMap<JobId, CancellationToken>>>,
}

impl Queue {
    /// The queue in `database`; a claim lasts for one lease unless it is renewed.
    #[must_use]
    pub fn new(database: Database, clock: &Clock, config: &JobsConfig) -> Self {
        Self {
            database,
            clock: clock.steady(),
            lease: config.lease,
            longest_pause: config.max_backoff,
            counted: Arc::default(),
            enqueued: Arc::default(),
            running: Arc::default(),
        }
    }

    /// Adds a job to the queue as part of `write`, so that both are committed or neither.
    ///
    /// # Errors
    /// When the database fails, or a job of that kind and subject exists already.
    pub async fn enqueue(
        &self,
        write: &mut Write,
        tenant: &Tenant,
        kind: &'static str,
        subject: Uuid,
    ) -> Result<(), DbErr> {
        let now = self.clock.now();
        let last_place = statements::last_place().into_tuple::<Option<i64>>().one(&**write).await?.flatten();
        let job = ActiveModel {
            id: Set(JobId(Uuid::now_v7())),
            tenant: Set(tenant.clone()),
            kind: Set(kind.to_owned()),
            subject: Set(subject),
            priority: Set(0),
            place: Set(last_place.unwrap_or(0) + 1),
            run_at: Set(now),
            attempt: Set(0),
            lost_leases: Set(0),
            lease_token: Set(None),
            held_until: Set(None),
            last_error: Set(None),
            created_at: Set(now),
            traceparent: Set(traceparent()),
        };
        Entity::insert(job).exec_without_returning(&**write).await?;
        self.wake(write, kind);
        Ok(())
    }

    /// Wakes this process's workers of `kind` after `write` is committed.
    fn wake(&self, write: &mut Write, kind: &str) {
        if let Some(enqueued) = self.counters().get(kind).cloned() {
            write.after_commit(move || enqueued.send_modify(|count| *count += 1));
        }
    }

    /// Removes the jobs of `kind` about `subjects` as part of `write`, and stops those running in this process.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel(&self, write: &mut Write, kind: &str, subjects: &[Uuid]) -> Result<(), DbErr> {
        let jobs = statements::remove_about(kind, subjects).exec_with_returning(&**write).await?;
        let queue = self.clone();
        write.after_commit(move || {
            let running = queue.running();
            jobs.iter().filter_map(|job| running.get(&job.id)).for_each(CancellationToken::cancel);
        });
        Ok(())
    }

    /// Number of waiting and running jobs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn depth(&self) -> Result<u64, DbErr> {
        Entity::find().count(self.database.reader()).await
    }

    /// The same by kind, for kinds with workers in this process. The numbers may be two seconds old.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counts(&self) -> Result<Vec<JobCount>, DbErr> {
        let mut counted = self.counted.lock().await;
        if let Some((at, counts)) = counted.as_ref()
            && at.elapsed() < COUNTS_KEPT
        {
            return Ok(counts.clone());
        }
        let kinds: Vec<&'static str> = self.counters().keys().copied().collect();
        let mut counts = Vec::new();
        for kind in kinds {
            counts.push(self.count(kind).await?);
        }
        *counted = Some((Instant::now(), counts.clone()));
        Ok(counts)
    }

    async fn count(&self, kind: &'static str) -> Result<JobCount, DbErr> {
        let waiting = self.number(statements::count_waiting(kind)).await?;
        let paused = self.number(statements::count_held(kind, Hold::Pause)).await?;
        let running = self.number(statements::count_held(kind, Hold::Lease)).await?;
        Ok(JobCount { kind, waiting: waiting + paused, running })
    }

    async fn number(&self, count: Select<Entity>) -> Result<i64, DbErr> {
        Ok(count.into_tuple().one(self.database.reader()).await?.unwrap_or(0))
    }

    /// Notifies the receiver of each job of `kind` enqueued by this process.
    pub(super) fn watch(&self, kind: &'static str) -> watch::Receiver<u64> {
        self.enqueued(kind).subscribe()
    }

    /// Whether a job of `kind` waits. Does not occupy the writer.
    pub(super) async fn has_waiting(&self, kind: &str) -> Result<bool, DbErr> {
        let waiting = statements::waiting(kind).into_tuple::<JobId>();
        Ok(waiting.one(self.database.reader()).await?.is_some())
    }

    /// Claims up to `limit` jobs of `kind` as part of `write`. Tenants take turns, starting after `served`, which is
    /// set to the last tenant served; each tenant's most urgent and oldest jobs go first.
    pub(super) async fn claim(
        &self,
        write: &Write,
        kind: &str,
        limit: u64,
        served: &mut Option<Tenant>,
    ) -> Result<Vec<Claim>, DbErr> {
        let turns = Turn::find_by_statement(statements::in_turn(kind, served.as_ref(), limit));
        let turns = turns.all(&**write).await?;
        let Some(last) = turns.last() else { return Ok(Vec::new()) };
        *served = Some(last.tenant.clone());
        let ids: Vec<JobId> = turns.iter().map(|turn| turn.id).collect();
        let token = Uuid::now_v7();
        let mut jobs = statements::take(&ids, token, self.lease_end()).exec_with_returning(&**write).await?;
        jobs.sort_by_key(|job| ids.iter().position(|id| *id == job.id));
        Ok(jobs.into_iter().map(|job| Claim { job, token, queue: self.clone() }).collect())
    }

    /// Ends those of the claimed jobs that are still held, as part of `write`, and returns their leases. Nothing may be
    /// written for the others, even if a later claim ended the same job.
    pub(super) async fn end<'a>(
        &self,
        write: &Write,
        claims: impl IntoIterator<Item = &'a Claim>,
    ) -> Result<HashSet<Lease>, DbErr> {
        let held = claims.into_iter().fold(Condition::any(), |held, claim| held.add(claim.is_held()));
        let ended = statements::end(held).exec_with_returning(&**write).await?;
        Ok(ended.into_iter().filter_map(|job| Some((job.id, job.lease_token?))).collect())
    }

    /// Takes back the jobs of `kind` whose lease expired, and returns their number; also releases jobs whose pause is
    /// over.
    ///
    /// A hold that exceeds the maximum duration was written by a clock that has since been set back: it is shortened to
    /// that duration from now.
    pub(super) async fn reap(&self, kind: &str) -> Result<u64, DbErr> {
        for (hold, longest) in [(Hold::Lease, self.lease), (Hold::Pause, self.longest_pause)] {
            let latest = self.clock.now() + longest;
            self.change(kind, &hold.is_longer(kind, latest), &statements::hold_until(latest)).await?;
        }
        let over = |hold: Hold| hold.is_over(kind, self.clock.now());
        self.change(kind, &over(Hold::Pause), &statements::free()).await?;
        let lost = statements::free().col_expr(Column::LostLeases, Expr::col(Column::LostLeases).add(1));
        self.change(kind, &over(Hold::Lease), &lost).await
    }

    /// Applies the change to all jobs of `kind` that match `filter`, in batches of one write each. Returns their
    /// number.
    async fn change(
        &self,
        kind: &str,
        filter: &SimpleExpr,
        change: &UpdateMany<Entity>,
    ) -> Result<u64, DbErr> {
        let mut changed = 0;
        loop {
            // This check does not occupy the writer.
            let some = statements::some(filter.clone()).into_tuple::<JobId>();
            let some = some.all(self.database.reader()).await?;
            if some.is_empty() {
                return Ok(changed);
            }
            let mut write = self.database.write().await?;
            let these = change.clone().filter(statements::are(some)).filter(filter.clone());
            changed += these.exec(&*write).await?.rows_affected;
            self.wake(&mut write, kind);
            write.commit().await?;
        }
    }

    /// Marks a claim as running in this process, so that it can be cancelled here.
    pub(super) fn mark_running(&self, id: JobId) -> Running {
        let cancelled = CancellationToken::new();
        self.running().insert(id, cancelled.clone());
        Running { cancelled, id, queue: self.clone() }
    }

    fn lease_end(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.now() + self.lease
    }

    fn enqueued(&self, kind: &'static str) -> watch::Sender<u64> {
        self.counters().entry(kind).or_insert_with(|| watch::Sender::new(0)).clone()
    }

    fn counters(&self) -> MutexGuard<'_, HashMap<&'static str, watch::Sender<u64>>> {
        self.enqueued.lock()
    }

    fn running(&self) -> MutexGuard<'_, HashMap<JobId, CancellationToken>> {
        self.running.lock()
    }
}

/// A waiting job and its tenant, in the order of turns.
#[derive(FromQueryResult)]
struct Turn {
    id: JobId,
    tenant: Tenant,
}

/// Identifies a claim among all claims of the same job: job id and token.
pub(super) type Lease = (JobId, Uuid);

/// A job that this worker holds.
#[derive(Clone)]
pub(super) struct Claim {
    /// The claimed job; `attempt` includes this attempt.
    pub(super) job: Job,
    token: Uuid,
    queue: Queue,
}

/// Why a claim is no longer valid.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// The job was cancelled, ended or taken over by another worker.
    #[error("the job is no longer held")]
    Fenced,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl Claim {
    pub(super) fn lease(&self) -> Lease {
        (self.job.id, self.token)
    }

    /// How long ago the job was due.
    pub(super) fn waited(&self) -> Duration {
        (self.queue.clock.now() - self.job.run_at).to_std().unwrap_or_default()
    }

    /// Renews the lease.
    pub(super) async fn renew(&self) -> Result<(), Lost> {
        self.update(statements::hold_until(self.queue.lease_end())).await
    }

    /// Returns the job for another attempt after `pause`.
    pub(super) async fn reschedule(&self, pause: Duration, error: &str) -> Result<(), Lost> {
        self.update(self.again_after(pause, error)).await
    }

    /// The same, without counting this attempt.
    pub(super) async fn postpone(&self, pause: Duration, error: &str) -> Result<(), Lost> {
        self.update(uncounted(self.again_after(pause, error))).await
    }

    fn again_after(&self, pause: Duration, error: &str) -> UpdateMany<Entity> {
        let until = Expr::value(self.queue.clock.now() + pause);
        statements::free()
            .col_expr(Column::HeldUntil, until.clone())
            .col_expr(Column::RunAt, until)
            .col_expr(Column::LastError, Expr::value(error))
    }

    /// Releases the job as if it had not been claimed.
    pub(super) async fn release(&self) -> Result<(), Lost> {
        self.update(uncounted(statements::free())).await
    }

    /// Number of failed attempts, including this one but not those whose worker vanished.
    pub(super) fn failures(&self) -> i32 {
        self.job.attempt - self.job.lost_leases
    }

    /// A random number from 0 to 1, different for each claim: derived from the token.
    pub(super) fn jitter(&self) -> f64 {
        f64::from(self.token.as_fields().3[7]) / f64::from(u8::MAX)
    }

    async fn update(&self, change: UpdateMany<Entity>) -> Result<(), Lost> {
        let write = self.queue.database.write().await?;
        let changed = change.filter(self.is_held()).exec(&*write).await?;
        write.commit().await?;
        if changed.rows_affected == 1 { Ok(()) } else { Err(Lost::Fenced) }
    }

    fn is_held(&self) -> SimpleExpr {
        statements::is_held(self.job.id, self.token)
    }
}

/// Marks a job as running in this process until it is dropped.
pub(super) struct Running {
    pub(super) cancelled: CancellationToken,
    id: JobId,
    queue: Queue,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.queue.running().remove(&self.id);
    }
}

fn uncounted(update: UpdateMany<Entity>) -> UpdateMany<Entity> {
    update.col_expr(Column::Attempt, Expr::col(Column::Attempt).sub(1))
}
