//! A detection: an image whose faces are detected in the background.

use sea_orm::entity::prelude::*;

use crate::ids::{DetectionId, Tenant};
use crate::job_status::JobStatus;

/// A row of `detections`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "detections")]
pub struct Model {
    /// Sorts by submission time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DetectionId,
    /// Tenant that owns the detection.
    pub tenant: Tenant,
    /// Progress of the detection.
    pub status: JobStatus,
    /// Increases by one with each change.
    pub revision: i32,
    /// Minimum confidence of returned faces, 0 to 1; `None` uses the detector's default.
    pub min_confidence: Option<f64>,
    /// Maximum number of faces, largest first.
    pub max_faces: i32,
    /// MIME type, determined from the content.
    pub content_type: String,
    /// Displayed width in pixels.
    pub width: i32,
    /// Displayed height in pixels.
    pub height: i32,
    /// The faces, as JSON that is parsed only on request; `None` until the detection is COMPLETED.
    pub faces: Option<String>,
    /// Number among the tenant's finished detections, from 1, in the order of finishing.
    pub sequence: Option<i64>,
    /// Why the detection failed, as a code.
    pub error_code: Option<String>,
    /// Why the detection failed, as a sentence for clients.
    pub error_message: Option<String>,
    /// When the detection was submitted.
    pub created_at: DateTimeUtc,
    /// When the detection became COMPLETED or FAILED.
    pub completed_at: Option<DateTimeUtc>,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
