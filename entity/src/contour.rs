//! A contour: levelled outlines, drawn in the background from an image, its segmentation map and its landmarks.

use sea_orm::entity::prelude::*;

use crate::ids::{ContourId, Tenant};
use crate::job_status::JobStatus;

/// A row of `contours`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "contours")]
pub struct Model {
    /// Sorts by submission time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ContourId,
    /// Tenant that owns the contour.
    pub tenant: Tenant,
    /// Progress of the drawing.
    pub status: JobStatus,
    /// Increases by one with each change.
    pub revision: i32,
    /// Digest of everything that determines the drawing, for finding repeated requests; `None` once the drawing has
    /// failed.
    pub cache_key: Option<String>,
    /// Landmark positions in the image, the eyes first.
    pub landmarks: Json,
    /// Requested appearance.
    pub style: Json,
    /// How the face was levelled; `None` until the contour is COMPLETED.
    pub levelling: Option<Json>,
    /// Why the drawing failed, as a code.
    pub error_code: Option<String>,
    /// Why the drawing failed, as a sentence for clients.
    pub error_message: Option<String>,
    /// When the contour was submitted.
    pub created_at: DateTimeUtc,
    /// When the contour became COMPLETED or FAILED.
    pub completed_at: Option<DateTimeUtc>,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
