//! A template: the vector that one model computed for an enrolled face.

use sea_orm::entity::prelude::*;

use crate::ids::{FaceId, Tenant};

/// A row of `templates`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "templates")]
pub struct Model {
    /// Face that the template belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub face_id: FaceId,
    /// Digest of the model that computed the vector; see `models`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model_digest: String,
    /// Tenant that owns the template.
    pub tenant: Tenant,
    /// The vector as computed by the model, in little-endian f32.
    pub vector: Vec<u8>,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
