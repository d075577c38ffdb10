//! A background job. Its row exists from the time when the job is enqueued until it ends.

use sea_orm::entity::prelude::*;

use crate::ids::{JobId, Tenant};

/// A row of `jobs`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    /// Id of the job.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JobId,
    /// Tenant that owns the job's subject.
    pub tenant: Tenant,
    /// Name of the job kind, which determines the handler.
    pub kind: String,
    /// Id of the row to process; at most one job exists per kind and subject.
    pub subject: Uuid,
    /// Jobs with higher values go first within a tenant.
    pub priority: i32,
    /// Jobs with lower values go first within a priority. Not a time, because clocks may be set back.
    pub place: i64,
    /// When the job became due, or will after its pause. Only for metrics; does not affect scheduling.
    pub run_at: DateTimeUtc,
    /// How often the job was claimed.
    pub attempt: i32,
    /// How many of these attempts ended because the worker vanished.
    pub lost_leases: i32,
    /// Token of the current claim, which fences all changes.
    pub lease_token: Option<Uuid>,
    /// When the hold on the job ends: with a token, the end of the lease unless it is renewed; without one, the end of
    /// the pause after a failure. `None` means that the job waits, regardless of the time.
    pub held_until: Option<DateTimeUtc>,
    /// Why the last attempt failed, for operators.
    pub last_error: Option<String>,
    /// When the job was enqueued.
    pub created_at: DateTimeUtc,
    /// The span that enqueued the job, in W3C Trace Context format; `None` if it was not traced.
    pub traceparent: Option<String>,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
