//! A detection: an image whose faces are looked for in the background.

use sea_orm::entity::prelude::*;

use crate::ids::{DetectionId, Tenant};
use crate::job_status::JobStatus;

/// A row of `detections`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "detections")]
pub struct Model {
    /// Sorts by submission.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DetectionId,
    /// Whose it is.
    pub tenant: Tenant,
    /// How far it has come.
    pub status: JobStatus,
    /// Rises by one with each change.
    pub revision: i32,
    /// Faces below this confidence, 0 to 1, are left out.
    pub min_confidence: Option<f64>,
    /// Most faces, the largest first.
    pub max_faces: i32,
    /// MIME type by content, not by name.
    pub content_type: String,
    /// Pixels as a person sees it.
    pub width: i32,
    /// Pixels as a person sees it.
    pub height: i32,
    /// What was found, as JSON that only those read who ask for it; once it is completed.
    pub faces: Option<String>,
    /// Its place among the tenant's finished detections, from 1, in the order of finishing.
    pub sequence: Option<i64>,
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
