//! An image of a container, from upload to encodings.

use sea_orm::entity::prelude::*;

use crate::ids::{ContainerId, ImageId, Tenant};

/// Progress of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "snake_case")]
pub enum Status {
    /// Stored, and being encoded.
    Processing,
    /// Encoded; the image may show no face.
    Completed,
    /// Encoding was given up; `error_code` has the reason.
    Failed,
}

/// A row of `images`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "images")]
pub struct Model {
    /// Sorts by upload time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ImageId,
    /// Tenant that owns the image.
    pub tenant: Tenant,
    /// Container that the image belongs to.
    pub container_id: ContainerId,
    /// Progress of the image.
    pub status: Status,
    /// Increases by one with each change.
    pub revision: i32,
    /// Number of encoding attempts.
    pub attempts: i32,
    /// MIME type, determined from the content.
    pub content_type: String,
    /// Size of the uploaded file, in bytes.
    pub byte_size: i64,
    /// SHA-256 of the uploaded file, lower-case hexadecimal.
    pub sha256: String,
    /// Displayed width in pixels.
    pub width: i32,
    /// Displayed height in pixels.
    pub height: i32,
    /// Whether the uploaded file is still in the blob store.
    pub bytes_kept: bool,
    /// Why encoding failed, as the API's error code.
    pub error_code: Option<String>,
    /// Why encoding failed, as a sentence for clients.
    pub error_message: Option<String>,
    /// When the image was uploaded.
    pub created_at: DateTimeUtc,
    /// When the image became COMPLETED or FAILED.
    pub completed_at: Option<DateTimeUtc>,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
