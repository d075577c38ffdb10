//! A frame of a guided enrollment session; deleted when the session ends.

use sea_orm::entity::prelude::*;

use crate::ids::{EnrollmentId, FaceId, Tenant};

/// A row of `enrollment_frames`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "enrollment_frames")]
pub struct Model {
    /// Session that the frame belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrollment_id: EnrollmentId,
    /// Position among the frames of the session, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i32,
    /// Tenant that owns the frame.
    pub tenant: Tenant,
    /// Id that the face gets when the session is completed.
    pub face_id: FaceId,
    /// SHA-256 of the image, lower-case hexadecimal.
    pub image_sha256: String,
    /// Why the frame was rejected, by name and with details; `None` if it is good.
    pub rejection: Option<Json>,
    /// Scores and issues of the face; `None` unless the frame shows exactly one.
    pub quality: Option<Json>,
    /// The face's vector in little-endian f32; only of a good frame.
    pub vector: Option<Vec<u8>>,
    /// Digest of the model that computed the vector.
    pub model_digest: String,
    /// Whether the aligned chip is stored.
    pub chip_kept: bool,
    /// When the frame was received.
    pub received_at: DateTimeUtc,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
