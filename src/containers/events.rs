//! Events of a container, as published to subscribers.

use std::sync::Arc;

use entity::encoding;
use entity::image::Model;

/// An image with its encodings.
#[derive(Clone, Debug)]
pub struct ImageState {
    /// Database row of the image.
    pub image: Model,
    /// One encoding per face, largest face first; empty until the image is COMPLETED.
    pub encodings: Vec<Arc<encoding::Model>>,
}

/// An event published to the subscribers of a container.
#[derive(Debug)]
pub enum ContainerEvent {
    /// An image was added or changed.
    Image(Arc<ImageState>),
    /// The container was deleted.
    Deleted,
}
