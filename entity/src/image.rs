//! An image of a container, from upload to encodings.

use sea_orm::entity::prelude::*;

use crate::ids::{ContainerId, ImageId, Tenant};

/// Where an image stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "snake_case")]
pub enum Status {
    /// Stored, its encoding is under way.
    Processing,
    /// Encoded; may hold no face.
    Completed,
    /// Given up; `error_code` says why.
    Failed,
}

/// A row of `images`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "images")]
pub struct Model {
    /// Sorts by upload.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ImageId,
    /// Whose it is.
    pub tenant: Tenant,
    /// The container it belongs to.
    pub container_id: ContainerId,
    /// Where it stands.
    pub status: Status,
    /// Rises by one with each change.
    pub revision: i32,
    /// How often its encoding was begun.
    pub attempts: i32,
    /// MIME type by content, not by name.
    pub content_type: String,
    /// Size of the uploaded bytes.
    pub byte_size: i64,
    /// SHA-256 of the uploaded bytes, lower-case hexadecimal.
    pub sha256: String,
    /// Pixels as a person sees it.
    pub width: i32,
    /// Pixels as a person sees it.
    pub height: i32,
    /// Whether the uploaded bytes are still in the blob store.
    pub bytes_kept: bool,
    /// Why it failed: the API's error code.
    pub error_code: Option<String>,
    /// Why it failed, in a sentence a client may read.
    pub error_message: Option<String>,
    /// When it was uploaded.
    pub created_at: DateTimeUtc,
    /// When it became COMPLETED or FAILED.
    pub completed_at: Option<DateTimeUtc>,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
