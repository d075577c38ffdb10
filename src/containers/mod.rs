//! Containers: small sets of images with one face each, encoded in the background and compared.
//!
//! Called by `graphql::containers` and by the worker that `app` starts. Independent of GraphQL and HTTP.

mod comparison;
mod container;
mod encoding;
mod error;
mod events;
mod image;
mod rows;
mod snapshot;
mod sweep;
mod watch;

use std::time::Duration;

use entity::ids::ContainerId;
use vision::ImageLimits;

use crate::access::caller::Caller;
use crate::clock::Clock;
use crate::events::{Bus, Topic};
use crate::inference::KnownModels;
use crate::jobs::Queue;
use crate::settings::section;
use crate::store::blobs::Blobs;
use crate::store::database::{Database, Write};

pub use comparison::{Comparison, Pair, compare};
pub use encoding::{EncodeImage, stored_face, stored_vector};
pub use error::ContainerError;
pub use events::{ContainerEvent, ImageState};
pub use snapshot::{Snapshot, Snapshots};
pub use watch::Until;

section! {
    /// Settings of containers.
    #[derive(Clone, Debug)]
    pub struct ContainersConfig {
        /// Maximum number of images in a new container.
        pub images_per_container: i32 = number("FACEQL_IMAGES_PER_CONTAINER", 5, 1..=100),
        /// How long the bytes of a failed image are stored for retryImage.
        pub failed_image_retention: Duration =
            seconds("FACEQL_FAILED_IMAGE_RETENTION_SECONDS", 86_400, 0..=31_536_000),
        /// How long an idempotency key is remembered.
        pub idempotency_retention: Duration =
            seconds("FACEQL_IDEMPOTENCY_RETENTION_SECONDS", 86_400, 60..=31_536_000),
    }
}

/// The domain of containers, images and encodings. Clones share the same state.
#[derive(Clone)]
pub struct Containers {
    /// Stores containers, images and encodings.
    pub database: Database,
    /// Stores uploaded bytes until they are encoded.
    pub blobs: Blobs,
    /// Job queue for encoding.
    pub queue: Queue,
    /// Publishes changes to subscribers.
    pub bus: Bus<ContainerEvent>,
    /// Cache of recently read containers.
    pub snapshots: Snapshots,
    /// Registry of the models whose vectors are stored.
    pub models: KnownModels,
    /// Source of the current time.
    pub clock: Clock,
    /// Limits of uploaded images.
    pub limits: ImageLimits,
    /// Settings of containers.
    pub config: ContainersConfig,
}

impl Containers {
    fn topic(caller: &Caller, container: ContainerId) -> Topic {
        Topic { tenant: caller.tenant.clone(), node: container.0 }
    }

    /// Publishes an event after `write` is committed.
    fn publish(&self, write: &mut Write, topic: Topic, event: ContainerEvent) {
        let (bus, snapshots) = (self.bus.clone(), self.snapshots.clone());
        write.after_commit(move || {
            snapshots.forget(&(topic.tenant.clone(), ContainerId(topic.node)));
            bus.publish(&topic, event);
        });
    }
}
