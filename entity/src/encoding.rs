//! The encoding of one face of an image.

use sea_orm::entity::prelude::*;

use crate::ids::{EncodingId, ImageId, Tenant};

/// A row of `encodings`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "encodings")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EncodingId,
    /// Whose it is.
    pub tenant: Tenant,
    /// The image the face is in.
    pub image_id: ImageId,
    /// 0 is the image's largest face.
    pub position: i32,
    /// Digest of the model that gave it; see `models`.
    pub model_digest: String,
    /// The numbers, little-endian f64, as the model gave them.
    pub vector: Vec<u8>,
    /// Box, confidence, landmarks and quality; none when a remote service gave the vector alone.
    pub face: Option<Json>,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
