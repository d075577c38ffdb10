//! The encoding of one face of an image.

use sea_orm::entity::prelude::*;

use crate::ids::{EncodingId, ImageId, Tenant};

/// A row of `encodings`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "encodings")]
pub struct Model {
    /// Id of the encoding.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EncodingId,
    /// Tenant that owns the encoding.
    pub tenant: Tenant,
    /// Image that shows the face.
    pub image_id: ImageId,
    /// Position among the image's faces by size; 0 is the largest.
    pub position: i32,
    /// Digest of the model that computed the vector; see `models`.
    pub model_digest: String,
    /// The vector as computed by the model, in little-endian f64.
    pub vector: Vec<u8>,
    /// Box, confidence, landmarks and quality; `None` if a remote service returned only the vector.
    pub face: Option<Json>,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
