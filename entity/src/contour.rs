//! A contour: an image, its segmentation map and its landmarks, drawn in the background as levelled outlines.

use sea_orm::entity::prelude::*;

use crate::ids::{ContourId, Tenant};
use crate::job_status::JobStatus;

/// A row of `contours`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "contours")]
pub struct Model {
    /// Sorts by submission.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ContourId,
    /// Whose it is.
    pub tenant: Tenant,
    /// How far it has come.
    pub status: JobStatus,
    /// Rises by one with each change.
    pub revision: i32,
    /// Digest of all that it is drawn from, by which the same request finds it; none once it has failed.
    pub cache_key: Option<String>,
    /// Places in the image, the eyes first.
    pub landmarks: Json,
    /// How it is to look.
    pub style: Json,
    /// How the face was levelled, once it is completed.
    pub levelling: Option<Json>,
    /// Why it failed, by name.
    pub error_code: Option<String>,
    /// Why it failed, in a sentence a client may read.
    pub error_message: Option<String>,
    /// When it was submitted.
    pub created_at: DateTimeUtc,
    /// When it became COMPLETED or FAILED.
    pub completed_at: Option<DateTimeUtc>,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
