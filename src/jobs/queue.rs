//! The jobs table: enqueue, claim, renew, end. Every change of a claimed job is fenced by its lease token.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use entity::ids::{JobId, Tenant};
use entity::job::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DbErr, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, UpdateMany,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::Clock;
use crate::database::{Database, Write};
use crate::metrics::JobCount;
use crate::telemetry::traceparent;

/// A job as it was when it was claimed.
pub type Job = Model;

/// The queue of all kinds of jobs. Cloning shares it.
#[derive(Clone)]
pub struct Queue {
    database: Database,
    clock: Clock,
    lease: Duration,
    /// Counts what is enqueued in this process, kind by kind.
    enqueued: Arc<Mutex<HashMap<&'static str, watch::Sender<u64>>>>,
    running: Arc<Mutex<HashMap<JobId, CancellationToken>>>,
}

impl Queue {
    /// The queue in `database`; a claim lasts for `lease` unless it is renewed.
    #[must_use]
    pub fn new(database: Database, clock: Clock, lease: Duration) -> Self {
        Self { database, clock, lease, enqueued: Arc::default(), running: Arc::default() }
    }

    /// Puts a job into the queue as part of `write`: both happen, or neither.
    ///
    /// # Errors
    /// When the database fails, or a job of that kind and subject is there already.
    pub async fn enqueue(
        &self,
        write: &mut Write,
        tenant: &Tenant,
        kind: &'static str,
        subject: Uuid,
    ) -> Result<(), DbErr> {
        let now = self.clock.now();
        let job = ActiveModel {
            id: Set(JobId(Uuid::now_v7())),
            tenant: Set(tenant.clone()),
            kind: Set(kind.to_owned()),
            subject: Set(subject),
            priority: Set(0),
            run_at: Set(now),
            attempt: Set(0),
            lost_leases: Set(0),
            lease_token: Set(None),
            lease_until: Set(None),
            last_error: Set(None),
            created_at: Set(now),
            traceparent: Set(traceparent()),
        };
        Entity::insert(job).exec_without_returning(&**write).await?;
        let enqueued = self.enqueued(kind);
        write.after_commit(move || enqueued.send_modify(|count| *count += 1));
        Ok(())
    }

    /// Removes the jobs of `kind` about `subjects` as part of `write`, and stops those at work in this process.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel(&self, write: &mut Write, kind: &str, subjects: &[Uuid]) -> Result<(), DbErr> {
        let about = Column::Kind.eq(kind).and(Column::Subject.is_in(subjects.iter().copied()));
        let jobs = Entity::delete_many().filter(about).exec_with_returning(&**write).await?;
        let queue = self.clone();
        write.after_commit(move || {
            let running = queue.running();
            jobs.iter().filter_map(|job| running.get(&job.id)).for_each(CancellationToken::cancel);
        });
        Ok(())
    }

    /// How many jobs wait or are at work.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn depth(&self) -> Result<u64, DbErr> {
        Entity::find().count(self.database.reader()).await
    }

    /// The same, kind by kind, as far as there are workers for them in this process.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counts(&self) -> Result<Vec<JobCount>, DbErr> {
        let rows: Vec<(String, i64, i64)> = Entity::find()
            .select_only()
            .column(Column::Kind)
            .column_as(Column::Id.count(), "jobs")
            .column_as(Column::LeaseToken.count(), "running")
            .group_by(Column::Kind)
            .into_tuple()
            .all(self.database.reader())
            .await?;
        let count_of = |kind: &'static str| {
            let row = rows.iter().find(|(of, ..)| of == kind);
            let (jobs, running) = row.map_or((0, 0), |(_, jobs, running)| (*jobs, *running));
            JobCount { kind, waiting: jobs - running, running }
        };
        Ok(self.counters().keys().map(|kind| count_of(kind)).collect())
    }

    /// Tells of each enqueueing of `kind` in this process.
    pub(super) fn watch(&self, kind: &'static str) -> watch::Receiver<u64> {
        self.enqueued(kind).subscribe()
    }

    /// Whether a job of `kind` is due; a look that does not take the writer's turn.
    pub(super) async fn has_due(&self, kind: &str) -> Result<bool, DbErr> {
        let due = Entity::find().select_only().column(Column::Id).filter(self.is_due(kind)).limit(1);
        Ok(due.into_tuple::<JobId>().one(self.database.reader()).await?.is_some())
    }

    /// Claims up to `limit` jobs of `kind` as part of `write`, the most urgent and oldest first.
    pub(super) async fn claim(&self, write: &Write, kind: &str, limit: u64) -> Result<Vec<Claim>, DbErr> {
        let due = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(self.is_due(kind))
            .order_by_desc(Column::Priority)
            .order_by_asc(Column::RunAt)
            .order_by_asc(Column::Id)
            .limit(limit)
            .into_query();
        let token = Uuid::now_v7();
        let jobs = Entity::update_many()
            .col_expr(Column::LeaseToken, Expr::value(token))
            .col_expr(Column::LeaseUntil, Expr::value(self.lease_end()))
            .col_expr(Column::Attempt, Expr::col(Column::Attempt).add(1))
            .filter(Column::Id.in_subquery(due))
            .exec_with_returning(&**write)
            .await?;
        Ok(jobs.into_iter().map(|job| Claim { job, token, queue: self.clone() }).collect())
    }

    /// Ends the claimed jobs that are still held, as part of `write`, and says by which leases: of the others nothing
    /// may be written, not even when the same job was ended by a later claim of it.
    pub(super) async fn end<'a>(
        &self,
        write: &Write,
        claims: impl IntoIterator<Item = &'a Claim>,
    ) -> Result<HashSet<Lease>, DbErr> {
        let held = claims.into_iter().fold(Condition::any(), |held, claim| held.add(claim.is_held()));
        let ended = Entity::delete_many().filter(held).exec_with_returning(&**write).await?;
        Ok(ended.into_iter().filter_map(|job| Some((job.id, job.lease_token?))).collect())
    }

    /// Takes back the jobs whose lease ran out.
    pub(super) async fn reap(&self) -> Result<u64, DbErr> {
        let expired = Column::LeaseUntil.lt(self.clock.now());
        if Entity::find().filter(expired.clone()).count(self.database.reader()).await? == 0 {
            return Ok(0);
        }
        let write = self.database.write().await?;
        let taken = freed(Entity::update_many())
            .col_expr(Column::LostLeases, Expr::col(Column::LostLeases).add(1))
            .filter(expired)
            .exec(&*write)
            .await?;
        write.commit().await?;
        Ok(taken.rows_affected)
    }

    /// Marks a claim as at work in this process, so that it can be cancelled here.
    pub(super) fn mark_running(&self, id: JobId) -> Running {
        let cancelled = CancellationToken::new();
        self.running().insert(id, cancelled.clone());
        Running { cancelled, id, queue: self.clone() }
    }

    fn is_due(&self, kind: &str) -> sea_orm::sea_query::SimpleExpr {
        Column::Kind.eq(kind).and(Column::LeaseUntil.is_null()).and(Column::RunAt.lte(self.clock.now()))
    }

    fn lease_end(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.now() + self.lease
    }

    fn enqueued(&self, kind: &'static str) -> watch::Sender<u64> {
        self.counters().entry(kind).or_insert_with(|| watch::Sender::new(0)).clone()
    }

    fn counters(&self) -> MutexGuard<'_, HashMap<&'static str, watch::Sender<u64>>> {
        // No code that holds the lock can panic half-way through a change.
        self.enqueued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<JobId, CancellationToken>> {
        // No code that holds the lock can panic half-way through a change.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells a claim from every other of the same job: its token.
pub(super) type Lease = (JobId, Uuid);

/// A job that this worker holds.
#[derive(Clone)]
pub(super) struct Claim {
    /// The job as claimed; `attempt` counts this one.
    pub(super) job: Job,
    token: Uuid,
    queue: Queue,
}

/// The claim is gone: the job was cancelled, or its lease ran out and another worker has it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// Somebody else ended or took the job.
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

    /// Holds the job for another lease.
    pub(super) async fn renew(&self) -> Result<(), Lost> {
        let until = Expr::value(self.queue.lease_end());
        self.update(Entity::update_many().col_expr(Column::LeaseUntil, until)).await
    }

    /// Puts the job back for another attempt after `pause`.
    pub(super) async fn reschedule(&self, pause: Duration, error: &str) -> Result<(), Lost> {
        self.update(self.again_after(pause, error)).await
    }

    /// The same, with an attempt that does not count.
    pub(super) async fn postpone(&self, pause: Duration, error: &str) -> Result<(), Lost> {
        self.update(uncounted(self.again_after(pause, error))).await
    }

    fn again_after(&self, pause: Duration, error: &str) -> UpdateMany<Entity> {
        freed(Entity::update_many())
            .col_expr(Column::RunAt, Expr::value(self.queue.clock.now() + pause))
            .col_expr(Column::LastError, Expr::value(error))
    }

    /// Gives the job back as if it had not been claimed.
    pub(super) async fn release(&self) -> Result<(), Lost> {
        self.update(uncounted(freed(Entity::update_many()))).await
    }

    /// How often the work itself failed, this attempt included: vanished workers do not count.
    pub(super) fn failures(&self) -> i32 {
        self.job.attempt - self.job.lost_leases
    }

    /// A number from 0 to 1 that no two claims share: the random part of the token.
    pub(super) fn jitter(&self) -> f64 {
        f64::from(self.token.as_fields().3[7]) / f64::from(u8::MAX)
    }

    async fn update(&self, change: UpdateMany<Entity>) -> Result<(), Lost> {
        let write = self.queue.database.write().await?;
        let changed = change.filter(self.is_held()).exec(&*write).await?;
        write.commit().await?;
        if changed.rows_affected == 1 { Ok(()) } else { Err(Lost::Fenced) }
    }

    fn is_held(&self) -> sea_orm::sea_query::SimpleExpr {
        Column::Id.eq(self.job.id).and(Column::LeaseToken.eq(self.token))
    }
}

/// Notes for as long as it lives that a job is at work in this process.
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

fn freed(update: UpdateMany<Entity>) -> UpdateMany<Entity> {
    update
        .col_expr(Column::LeaseToken, Expr::value(None::<Uuid>))
        .col_expr(Column::LeaseUntil, Expr::value(None::<chrono::DateTime<chrono::Utc>>))
}
