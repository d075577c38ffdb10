//! Errors of container operations.

use vision::ImageError;

use crate::store::error::{StoreError, from_store_errors};

/// Why a request about containers fails.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// The container does not exist or belongs to another tenant.
    #[error("there is no such container")]
    ContainerNotFound,
    /// The image does not exist or belongs to another tenant.
    #[error("there is no such image")]
    ImageNotFound,
    /// The container is full.
    #[error("the container already has the maximum of {limit} images; delete it or create another")]
    ImageLimitReached {
        /// Maximum number of images in the container.
        limit: i32,
    },
    /// The image cannot be retried: it has not failed, or its bytes are no longer stored.
    #[error("{0}")]
    NotRetryable(&'static str),
    /// The upload is not an acceptable image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// An argument is invalid.
    #[error("{0}")]
    BadInput(String),
    /// A store failed, or refuses the idempotency key.
    #[error(transparent)]
    Store(#[from] StoreError),
}

from_store_errors!(ContainerError);
