//! Detection jobs: an image goes in, its faces and an annotated copy come out, and a feed tells of each that finishes.
//!
//! Called by `graphql::detection` and by the worker that `app` starts. Knows no GraphQL and no HTTP.

mod error;
mod feed;
mod find_faces;
mod look;
mod submit;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use entity::detection::Model;
use entity::ids::{DetectionId, Tenant};
use uuid::Uuid;
use vision::ImageLimits;

use crate::blobs::{BlobName, Blobs};
use crate::clock::Clock;
use crate::config::{Setting, Settings};
use crate::database::{Database, Write};
use crate::events::{Bus, Change, State, Topic};
use crate::jobs::Queue;

pub use error::DetectionError;
pub use feed::FeedPlace;
pub use find_faces::{FindFaces, stored_faces};
pub use submit::Wanted;

/// The kind of blob that a submitted image is.
const ORIGINALS: &str = "detections";

/// The kind of blob that an annotated copy is.
const ANNOTATED: &str = "annotated";

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
    /// Rows.
    pub database: Database,
    /// Submitted images and their annotated copies.
    pub blobs: Blobs,
    /// Where the work is asked for.
    pub queue: Queue,
    /// Who follows one detection.
    pub changes: Bus<Change<Model>>,
    /// Who follows all that finish.
    pub feed: Bus<Arc<Model>>,
    /// The time.
    pub clock: Clock,
    /// What is taken as an image.
    pub limits: ImageLimits,
    /// Times.
    pub config: DetectionConfig,
}

impl State for Model {
    fn revision(&self) -> i32 {
        self.revision
    }

    fn is_final(&self) -> bool {
        self.status.is_final()
    }
}

impl Detections {
    fn topic(tenant: &Tenant, id: DetectionId) -> Topic {
        Topic { tenant: tenant.clone(), node: id.0 }
    }

    /// The tenant's feed: no single node.
    fn feed_topic(tenant: &Tenant) -> Topic {
        Topic { tenant: tenant.clone(), node: Uuid::nil() }
    }

    /// Tells of a changed row once `write` is committed.
    fn announce(&self, write: &mut Write, row: Model) {
        let (changes, feed, row) = (self.changes.clone(), self.feed.clone(), Arc::new(row));
        write.after_commit(move || {
            changes.publish(&Self::topic(&row.tenant, row.id), Change::State(row.clone()));
            if row.status.is_final() {
                feed.publish(&Self::feed_topic(&row.tenant), row);
            }
        });
    }

    async fn remove(&self, tenant: &Tenant, id: DetectionId, kinds: &[&'static str]) {
        for kind in kinds {
            if let Err(error) = self.blobs.delete(&blob(tenant, id, kind)).await {
                tracing::warn!(%error, detection.id = %id, kind, "could not remove a picture; the sweeper will");
            }
        }
    }
}

/// The submitted image.
#[must_use]
pub fn original(tenant: &Tenant, id: DetectionId) -> BlobName {
    blob(tenant, id, ORIGINALS)
}

/// The annotated copy, once the detection is COMPLETED: a JPEG.
#[must_use]
pub fn annotated(tenant: &Tenant, id: DetectionId) -> BlobName {
    blob(tenant, id, ANNOTATED)
}

fn blob(tenant: &Tenant, id: DetectionId, kind: &'static str) -> BlobName {
    BlobName { tenant: tenant.clone(), kind, owner: id.0 }
}
