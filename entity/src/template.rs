//! The vector of an enrolled face by one model.

use sea_orm::entity::prelude::*;

use crate::ids::{FaceId, Tenant};

/// A row of `templates`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "templates")]
pub struct Model {
    /// The face.
    #[sea_orm(primary_key, auto_increment = false)]
    pub face_id: FaceId,
    /// Digest of the model that gave it; see `models`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model_digest: String,
    /// Whose it is.
    pub tenant: Tenant,
    /// The numbers, little-endian f32, as the model gave them.
    pub vector: Vec<u8>,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
