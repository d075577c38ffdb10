//! What can go wrong with containers, and why an image ends as FAILED.

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

/// Why an image is FAILED. Stored by name with the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFailure {
    /// Broken, cut short or not what its header says.
    Invalid,
    /// More pixels or bytes than are taken.
    TooLarge,
    /// A format, or a variant of one, that is not read.
    Unsupported,
    /// The encoder did not do its work in any attempt.
    EngineUnavailable,
    /// Its bytes could not be read, or its encodings not be written.
    StorageUnavailable,
    /// A defect of ours.
    Internal,
}

impl ImageFailure {
    const NAMES: [(Self, &'static str); 6] = [
        (Self::Invalid, "invalid"),
        (Self::TooLarge, "too_large"),
        (Self::Unsupported, "unsupported"),
        (Self::EngineUnavailable, "engine_unavailable"),
        (Self::StorageUnavailable, "storage_unavailable"),
        (Self::Internal, "internal"),
    ];

    /// The name it is stored by.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(failure, _)| *failure == self).map_or("internal", |(_, name)| name)
    }

    /// The failure stored by `name`; one that a later version stored reads as `Internal`.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        Self::NAMES.iter().find(|(_, stored)| *stored == name).map_or(Self::Internal, |(failure, _)| *failure)
    }
}

impl From<&ImageError> for ImageFailure {
    fn from(error: &ImageError) -> Self {
        match error {
            ImageError::Empty | ImageError::Invalid { .. } => Self::Invalid,
            ImageError::TooManyBytes { .. } | ImageError::TooManyPixels { .. } => Self::TooLarge,
            ImageError::Unsupported => Self::Unsupported,
        }
    }
}
