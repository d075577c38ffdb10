//! The SQL statements of the queue. Each uses an index, so that its cost does not grow with the queue.

use chrono::{DateTime, Utc};
use entity::ids::{JobId, Tenant};
use entity::job::{Column, Entity};
use sea_orm::sea_query::{Expr, IntoCondition, SimpleExpr};
use sea_orm::{
    ColumnTrait, DbBackend, DeleteMany, EntityTrait, ExprTrait, QueryFilter, QuerySelect, Select, Statement,
    UpdateMany,
};
use uuid::Uuid;

/// Maximum number of jobs per statement that are taken back, or whose pauses end.
pub(super) const BATCH: u64 = 1000;

/// What prevents a job from being claimed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hold {
    /// A worker holds it.
    Lease,
    /// It pauses after a failed attempt.
    Pause,
}

impl Hold {
    fn of(self, kind: &str) -> SimpleExpr {
        let of_kind = Column::Kind.eq(kind);
        match self {
            Self::Lease => of_kind.and(Column::LeaseToken.is_not_null()),
            Self::Pause => of_kind.and(Column::LeaseToken.is_null()).and(Column::HeldUntil.is_not_null()),
        }
    }

    pub(super) fn is_over(self, kind: &str, now: DateTime<Utc>) -> SimpleExpr {
        self.of(kind).and(Column::HeldUntil.lte(now))
    }

    pub(super) fn is_longer(self, kind: &str, latest: DateTime<Utc>) -> SimpleExpr {
        self.of(kind).and(Column::HeldUntil.gt(latest))
    }
}

/// The highest position of any job.
pub(super) fn last_place() -> Select<Entity> {
    Entity::find().select_only().column_as(Column::Place.max(), "place")
}

/// Any waiting job of `kind`.
pub(super) fn waiting(kind: &str) -> Select<Entity> {
    Entity::find().select_only().column(Column::Id).filter(waits(kind)).limit(1)
}

/// Number of waiting jobs of `kind`, excluding those that pause.
pub(super) fn count_waiting(kind: &str) -> Select<Entity> {
    count(waits(kind))
}

/// Number of jobs of `kind` with this kind of hold.
pub(super) fn count_held(kind: &str, hold: Hold) -> Select<Entity> {
    count(hold.of(kind))
}

fn count(filter: SimpleExpr) -> Select<Entity> {
    Entity::find().select_only().expr_as(Expr::val(1).count(), "jobs").filter(filter)
}

fn waits(kind: &str) -> SimpleExpr {
    Column::Kind.eq(kind).and(Column::HeldUntil.is_null())
}

/// Up to `limit` waiting jobs of `kind` in the order of turns, with their tenants. Waiting tenants are ordered in a
/// circle by name. Starting after `served`, each tenant gets one job per round.
pub(super) fn in_turn(kind: &str, served: Option<&Tenant>, limit: u64) -> Statement {
    let served = served.map_or("", Tenant::as_str);
    Statement::from_sql_and_values(DbBackend::Sqlite, IN_TURN, [kind.into(), served.into(), limit.into()])
}

/// `circle` visits one tenant after the other with one index lookup each, until there are enough jobs or the circle is
/// complete.
const IN_TURN: &str = "
    WITH RECURSIVE
    start(tenant) AS (
        SELECT COALESCE(
            (SELECT MIN(tenant) FROM jobs WHERE kind = $1 AND held_until IS NULL AND tenant > $2),
            (SELECT MIN(tenant) FROM jobs WHERE kind = $1 AND held_until IS NULL))
    ),
    circle(turn, tenant, first) AS (
        SELECT 1, tenant, tenant FROM start WHERE tenant IS NOT NULL
        UNION ALL
        SELECT turn + 1, COALESCE(
            (SELECT MIN(tenant) FROM jobs WHERE kind = $1 AND held_until IS NULL AND tenant > circle.tenant),
            (SELECT MIN(tenant) FROM jobs WHERE kind = $1 AND held_until IS NULL)), first
        FROM circle WHERE turn < $3 AND (turn = 1 OR tenant <> first)
    ),
    ready(id, tenant, turn, round) AS (
        SELECT jobs.id, jobs.tenant, turn, ROW_NUMBER() OVER (PARTITION BY turn ORDER BY priority DESC, place)
        FROM circle JOIN jobs ON jobs.id IN (
            SELECT id FROM jobs WHERE kind = $1 AND tenant = circle.tenant AND held_until IS NULL
            ORDER BY priority DESC, place LIMIT $3)
        WHERE turn = 1 OR circle.tenant <> first
    )
    SELECT id, tenant FROM ready ORDER BY round, turn LIMIT $3";

/// A batch of jobs that match `filter`.
pub(super) fn some(filter: SimpleExpr) -> Select<Entity> {
    Entity::find().select_only().column(Column::Id).filter(filter).limit(BATCH)
}

/// Matches these jobs.
pub(super) fn are(jobs: Vec<JobId>) -> SimpleExpr {
    Column::Id.is_in(jobs)
}

/// Assigns these jobs to `token`.
pub(super) fn take(jobs: &[JobId], token: Uuid, until: DateTime<Utc>) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::LeaseToken, Expr::value(token))
        .col_expr(Column::HeldUntil, Expr::value(until))
        .col_expr(Column::Attempt, Expr::col(Column::Attempt).add(1))
        .filter(are(jobs.to_vec()))
}

/// Releases jobs, so that they wait again.
pub(super) fn free() -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::LeaseToken, Expr::value(None::<Uuid>))
        .col_expr(Column::HeldUntil, Expr::value(None::<DateTime<Utc>>))
}

/// Holds jobs until the given time.
pub(super) fn hold_until(time: DateTime<Utc>) -> UpdateMany<Entity> {
    Entity::update_many().col_expr(Column::HeldUntil, Expr::value(time))
}

/// Removes the jobs of `kind` about `subjects`.
pub(super) fn remove_about(kind: &str, subjects: &[Uuid]) -> DeleteMany<Entity> {
    let about = Column::Kind.eq(kind).and(Column::Subject.is_in(subjects.iter().copied()));
    Entity::delete_many().filter(about)
}

/// Removes the jobs that match `held`.
pub(super) fn end(held: impl IntoCondition) -> DeleteMany<Entity> {
    Entity::delete_many().filter(held)
}

/// Matches the job `id` if `token` holds it.
pub(super) fn is_held(id: JobId, token: Uuid) -> SimpleExpr {
    Column::Id.eq(id).and(Column::LeaseToken.eq(token))
}
