//! Detection jobs: take an image, produce its faces and an annotated copy, and publish finished detections in a feed.
//!
//! Called by `graphql::detection` and by the worker that `app` starts. Independent of GraphQL and HTTP.

mod error;
mod feed;
mod find_faces;
mod look;
mod selection;
mod submit;

use std::sync::Arc;
use std::time::Duration;

use entity::detection::{Column, Entity, Model};
use entity::ids::{DetectionId, Tenant};
use entity::job_status::JobStatus;
use sea_orm::DbErr;
use uuid::Uuid;
use vision::ImageLimits;

use crate::events::{Bus, State, Topic};
use crate::jobs::Handler;
use crate::settings::section;
use crate::store::blobs::BlobName;
use crate::store::database::Write;
use crate::tasks::{Task, Tasks};

pub use error::DetectionError;
pub use feed::FeedPlace;
pub use find_faces::{FindFaces, stored_faces};
pub use selection::FaceSelection;

/// The blob kind of submitted images.
pub const ORIGINALS: &str = "detections";

/// The blob kind of annotated copies.
pub const ANNOTATED: &str = "annotated";

section! {
    /// Settings of detections.
    #[derive(Clone, Debug)]
    pub struct DetectionConfig {
        /// How long a finished detection and its images are stored, and how far back the feed reaches.
        pub retention: Duration = seconds("FACEQL_DETECTION_RETENTION_SECONDS", 86_400, 1..=31_536_000),
    }
}

/// The domain of detections. Clones share the same state.
#[derive(Clone)]
pub struct Detections {
    /// Rows, files, jobs and subscriptions of detections.
    pub tasks: Tasks<Entity>,
    /// Publishes finished detections to the subscribers of the feed.
    pub feed: Bus<Arc<Model>>,
    /// Limits of uploaded images.
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

impl Task for Entity {
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
    /// The topic of the tenant's feed, which is not about a single node.
    fn feed_topic(tenant: &Tenant) -> Topic {
        Topic { tenant: tenant.clone(), node: Uuid::nil() }
    }
}

/// Blob name of the submitted image.
#[must_use]
pub fn original(tenant: &Tenant, id: DetectionId) -> BlobName {
    BlobName { tenant: tenant.clone(), kind: ORIGINALS, owner: id.0 }
}

/// Blob name of the annotated copy, a JPEG; it exists once the detection is COMPLETED.
#[must_use]
pub fn annotated(tenant: &Tenant, id: DetectionId) -> BlobName {
    BlobName { tenant: tenant.clone(), kind: ANNOTATED, owner: id.0 }
}
