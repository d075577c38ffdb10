//! A frame of a guided enrollment session; gone when the session ends.

use sea_orm::entity::prelude::*;

use crate::ids::{EnrollmentId, FaceId, Tenant};

/// A row of `enrollment_frames`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "enrollment_frames")]
pub struct Model {
    /// The session.
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrollment_id: EnrollmentId,
    /// Its place among the frames of the session, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i32,
    /// Whose it is.
    pub tenant: Tenant,
    /// The face that it becomes when the session is completed.
    pub face_id: FaceId,
    /// SHA-256 of the picture, lower-case hexadecimal.
    pub image_sha256: String,
    /// Why it was refused, by name and with what belongs to it; none when it is good.
    pub rejection: Option<Json>,
    /// Scores and issues of its face; none when it shows not exactly one.
    pub quality: Option<Json>,
    /// The face's vector, little-endian f32; only of a good frame.
    pub vector: Option<Vec<u8>>,
    /// Digest of the model that gave the vector.
    pub model_digest: String,
    /// Whether the aligned chip is kept.
    pub chip_kept: bool,
    /// When it came.
    pub received_at: DateTimeUtc,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
