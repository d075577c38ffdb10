//! An enrolled face of a person, from one image.

use sea_orm::entity::prelude::*;

use crate::ids::{FaceId, PersonId, Tenant};

/// A row of `faces`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "faces")]
pub struct Model {
    /// Id of the face; also names the blob of its chip, if that is stored.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: FaceId,
    /// Tenant that owns the face.
    pub tenant: Tenant,
    /// Person whom the face belongs to.
    pub person_id: PersonId,
    /// SHA-256 of the image, lower-case hexadecimal. An image is not enrolled twice for the same person.
    pub image_sha256: String,
    /// Quality scores and issues, as assessed by the engine.
    pub quality: Json,
    /// Whether the aligned chip is stored, so that a later model can encode it.
    pub chip_kept: bool,
    /// When the face was enrolled.
    pub created_at: DateTimeUtc,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
