//! A guided enrollment session.

use sea_orm::entity::prelude::*;

use crate::ids::{EnrollmentId, PersonId, Tenant};

/// A row of `enrollments`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "enrollments")]
pub struct Model {
    /// Id of the session.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EnrollmentId,
    /// Tenant that owns the session.
    pub tenant: Tenant,
    /// State of the session.
    pub status: Status,
    /// Increases with each change.
    pub revision: i32,
    /// Gallery of the person to enroll.
    pub gallery: String,
    /// The caller's own id for the person to enroll.
    pub external_id: String,
    /// Name shown to users.
    pub display_name: Option<String>,
    /// When the person consented to be enrolled.
    pub consent_granted_at: DateTimeUtc,
    /// Where the caller stores the proof of consent.
    pub consent_reference: Option<String>,
    /// Number of good frames required.
    pub required_frames: i32,
    /// When the session expires.
    pub expires_at: DateTimeUtc,
    /// The enrolled person; `None` until the session is completed.
    pub person_id: Option<PersonId>,
    /// When the session was started.
    pub created_at: DateTimeUtc,
}

/// State of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)", rename_all = "snake_case")]
pub enum Status {
    /// Accepts frames.
    Open,
    /// The person is enrolled.
    Completed,
    /// Cancelled by the caller.
    Cancelled,
    /// Expired.
    Expired,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
