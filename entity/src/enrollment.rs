//! A guided enrollment session.

use sea_orm::entity::prelude::*;

use crate::ids::{EnrollmentId, PersonId, Tenant};

/// A row of `enrollments`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "enrollments")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EnrollmentId,
    /// Whose it is.
    pub tenant: Tenant,
    /// How far it has come.
    pub status: Status,
    /// Rises with each change.
    pub revision: i32,
    /// The gallery of the person to be.
    pub gallery: String,
    /// The caller's own key of the person to be.
    pub external_id: String,
    /// What people call the person.
    pub display_name: Option<String>,
    /// When the person agreed to be enrolled.
    pub consent_granted_at: DateTimeUtc,
    /// Where the caller keeps the proof of it.
    pub consent_reference: Option<String>,
    /// Good frames that it takes.
    pub required_frames: i32,
    /// When it ends by itself.
    pub expires_at: DateTimeUtc,
    /// Who was enrolled, once it is completed.
    pub person_id: Option<PersonId>,
    /// When it began.
    pub created_at: DateTimeUtc,
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)", rename_all = "snake_case")]
pub enum Status {
    /// Takes frames.
    Open,
    /// The person is enrolled.
    Completed,
    /// Ended by the caller.
    Cancelled,
    /// Ran out of time.
    Expired,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
