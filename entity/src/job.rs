//! Work to be done in the background. A row lives from its enqueueing to its end, and no longer.

use sea_orm::entity::prelude::*;

use crate::ids::{JobId, Tenant};

/// A row of `jobs`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JobId,
    /// Whose work it is.
    pub tenant: Tenant,
    /// Names the handler.
    pub kind: String,
    /// What the work is about; one job per kind and subject.
    pub subject: Uuid,
    /// Higher goes first among the jobs of its tenant.
    pub priority: i32,
    /// Lower goes first among those of the same priority: a number and no time, which may be set back.
    pub place: i64,
    /// Since when it waits, or will once its pause is over: for metrics, nothing is decided by it.
    pub run_at: DateTimeUtc,
    /// How often it was claimed.
    pub attempt: i32,
    /// How often its worker vanished without a word; part of `attempt`.
    pub lost_leases: i32,
    /// Who holds it: every ending is fenced by this token.
    pub lease_token: Option<Uuid>,
    /// Until when nobody may take it: its lease's end, unless renewed, or without a token the end of its pause after a
    /// failure. `None` means that it waits, whatever the time is.
    pub held_until: Option<DateTimeUtc>,
    /// Why the last attempt failed, for operators.
    pub last_error: Option<String>,
    /// When it was enqueued.
    pub created_at: DateTimeUtc,
    /// The span that enqueued it, as W3C Trace Context writes it; none when nothing was traced.
    pub traceparent: Option<String>,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
