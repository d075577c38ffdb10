//! Detection jobs: an image goes in, its faces and an annotated copy come out, and a feed tells of each that finishes.
//!
//! Called by `graphql::detection` and by the worker that `app` starts. Knows no GraphQL and no HTTP.

mod error;
mod feed;
mod find_faces;
mod look;
mod submit;

use std::sync::Arc;
use std::time::Duration;

use entity::detection::{Column, Entity, Model};
use entity::ids::{DetectionId, Tenant};
use entity::job_status::JobStatus;
use sea_orm::DbErr;
use uuid::Uuid;
use vision::ImageLimits;

use crate::blobs::BlobName;
use crate::config::{Setting, Settings};
use crate::database::Write;
use crate::events::{Bus, State, Topic};
use crate::jobs::Handler;
use crate::submissions::{Submission, Submissions};

pub use error::DetectionError;
pub use feed::FeedPlace;
pub use find_faces::{FindFaces, stored_faces};
pub use submit::Wanted;

/// The kind of blob that a submitted image is.
pub const ORIGINALS: &str = "detections";

/// The kind of blob that an annotated copy is.
pub const ANNOTATED: &str = "annotated";

/// Detections and what is kept of them.
#[derive(Clone, Debug)]
pub struct DetectionConfig {
    /// How long a finished detection and its pictures are kept.
    pub retention: Duration,
}

impl DetectionConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let retention = Setting {
            name: "FACEQL_DETECTION_RETENTION_SECONDS",
            about: "How long a finished detection and its pictures are kept, and how far back the feed reaches.",
        };
        Self { retention: settings.seconds(retention, 86_400, 1..=31_536_000) }
    }
}

/// The domain of detections. Cloning shares it.
#[derive(Clone)]
pub struct Detections {
    /// Rows, files, jobs and followers.
    pub submissions: Submissions<Entity>,
    /// Who follows all that finish.
    pub feed: Bus<Arc<Model>>,
    /// What is taken as an image.
    pub limits: ImageLimits,
}

impl State for Model {
    fn revision(&self) -> i32 {
        self.revision
    }

    fn is_final(&self) -> bool {
        self.status.is_final()
    }
}

impl Submission for Entity {
    type Id = DetectionId;
    const NAME: &'static str = "detection";
    const JOB: &'static str = FindFaces::KIND;
    const FILES: &'static [(&'static str, &'static [JobStatus])] = &[
        (ORIGINALS, &[JobStatus::Pending, JobStatus::Processing, JobStatus::Completed, JobStatus::Failed]),
        (ANNOTATED, &[JobStatus::Processing, JobStatus::Completed]),
    ];
    const ID: Column = Column::Id;
    const TENANT: Column = Column::Tenant;
    const STATUS: Column = Column::Status;
    const REVISION: Column = Column::Revision;
    const ERROR_CODE: Column = Column::ErrorCode;
    const ERROR_MESSAGE: Column = Column::ErrorMessage;
    const COMPLETED_AT: Column = Column::CompletedAt;

    fn place(row: &Model) -> (&Tenant, Uuid) {
        (&row.tenant, row.id.0)
    }

    async fn before_expiry(write: &Write, ids: &[Uuid]) -> Result<(), DbErr> {
        feed::note_expired(write, ids).await
    }
}

impl Detections {
    /// The tenant's feed: no single node.
    fn feed_topic(tenant: &Tenant) -> Topic {
        Topic { tenant: tenant.clone(), node: Uuid::nil() }
    }
}

/// The submitted image.
#[must_use]
pub fn original(tenant: &Tenant, id: DetectionId) -> BlobName {
    BlobName { tenant: tenant.clone(), kind: ORIGINALS, owner: id.0 }
}

/// The annotated copy, once the detection is COMPLETED: a JPEG.
#[must_use]
pub fn annotated(tenant: &Tenant, id: DetectionId) -> BlobName {
    BlobName { tenant: tenant.clone(), kind: ANNOTATED, owner: id.0 }
}
