//! What can go wrong with containers.

use sea_orm::DbErr;
use vision::ImageError;

use crate::blobs::BlobError;
use crate::idempotency::IdempotencyError;

/// Why a request about containers is refused.
#[derive(Debug, thiserror::Error)]
pub enum VerificationError {
    /// No such container, or another tenant's.
    #[error("there is no such container")]
    ContainerNotFound,
    /// No such image, or another tenant's.
    #[error("there is no such image")]
    ImageNotFound,
    /// The container is full.
    #[error("the container takes {limit} images and has them all; delete it or create another")]
    ImageLimitReached {
        /// How many it takes.
        limit: i32,
    },
    /// Only a failed image whose bytes are still kept can be tried again.
    #[error("{0}")]
    NotRetryable(&'static str),
    /// What was uploaded is no image we take.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// An argument makes no sense.
    #[error("{0}")]
    BadInput(String),
    /// The idempotency key does not serve.
    #[error(transparent)]
    Idempotency(IdempotencyError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbErr),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A defect of ours.
    #[error("{0}")]
    Internal(String),
}

impl From<IdempotencyError> for VerificationError {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::Database(error) => Self::Database(error),
            other => Self::Idempotency(other),
        }
    }
}
