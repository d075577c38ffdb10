//! One enrolled picture of a person.

use sea_orm::entity::prelude::*;

use crate::ids::{FaceId, PersonId, Tenant};

/// A row of `faces`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "faces")]
pub struct Model {
    /// Its id; its chip, if kept, is the blob of that name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: FaceId,
    /// Whose it is.
    pub tenant: Tenant,
    /// The person.
    pub person_id: PersonId,
    /// SHA-256 of the picture, lower-case hexadecimal: the same picture is not enrolled twice.
    pub image_sha256: String,
    /// Scores and issues, as the engine judged them.
    pub quality: Json,
    /// Whether the aligned chip is kept, for a later model to encode.
    pub chip_kept: bool,
    /// When it was enrolled.
    pub created_at: DateTimeUtc,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
