//! Verification containers: a few images of a face each, encoded in the background and compared.
//!
//! Called by `graphql::verification` and by the worker that `app` starts. Knows no GraphQL and no HTTP.

mod comparison;
mod container;
mod encoding;
mod error;
mod image;
mod snapshot;
mod sweep;
mod watch;

use std::time::Duration;

use entity::ids::ContainerId;
use vision::ImageLimits;

use crate::blobs::Blobs;
use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::{Setting, Settings};
use crate::database::{Database, Write};
use crate::events::{Bus, Topic};
use crate::inference::KnownModels;
use crate::jobs::Queue;

pub use comparison::{Comparison, Pair, compare};
pub use encoding::{EncodeImage, stored_face, stored_vector};
pub use error::VerificationError;
pub use image::ImageState;
pub use snapshot::{Snapshot, Snapshots};
pub use watch::{ContainerEvent, Until};

/// Containers and their images.
#[derive(Clone, Debug)]
pub struct VerificationConfig {
    /// Images that a new container takes.
    pub images_per_container: i32,
    /// How long a failed image's bytes are kept for a retry.
    pub failed_image_retention: Duration,
    /// How long an idempotency key is remembered.
    pub idempotency_retention: Duration,
}

impl VerificationConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let images =
            Setting { name: "FACEQL_IMAGES_PER_CONTAINER", about: "Images that a new container takes." };
        let failed = Setting {
            name: "FACEQL_FAILED_IMAGE_RETENTION_SECONDS",
            about: "How long a failed image's bytes are kept for retryImage.",
        };
        let idempotency = Setting {
            name: "FACEQL_IDEMPOTENCY_RETENTION_SECONDS",
            about: "How long an idempotency key is remembered.",
        };
        Self {
            images_per_container: settings.number(images, 5, 1..=100),
            failed_image_retention: settings.seconds(failed, 86_400, 0..=31_536_000),
            idempotency_retention: settings.seconds(idempotency, 86_400, 60..=31_536_000),
        }
    }
}

/// The domain of containers, images and encodings. Cloning shares it.
#[derive(Clone)]
pub struct Verification {
    /// Rows.
    pub database: Database,
    /// Uploaded bytes, while they are needed.
    pub blobs: Blobs,
    /// Where encoding is asked for.
    pub queue: Queue,
    /// Who hears of changes.
    pub bus: Bus<ContainerEvent>,
    /// Containers as they were last read.
    pub snapshots: Snapshots,
    /// What the vectors are of.
    pub models: KnownModels,
    /// The time.
    pub clock: Clock,
    /// What is taken as an image.
    pub limits: ImageLimits,
    /// Counts and times.
    pub config: VerificationConfig,
}

impl Verification {
    fn topic(caller: &Caller, container: ContainerId) -> Topic {
        Topic { tenant: caller.tenant.clone(), node: container.0 }
    }

    /// Tells of a change once `write` is committed.
    fn publish(&self, write: &mut Write, topic: Topic, event: ContainerEvent) {
        let (bus, snapshots) = (self.bus.clone(), self.snapshots.clone());
        write.after_commit(move || {
            snapshots.forget(&(topic.tenant.clone(), ContainerId(topic.node)));
            bus.publish(&topic, event);
        });
    }
}
