//! What can go wrong with detections.

use sea_orm::DbErr;
use vision::ImageError;

use crate::blobs::BlobError;
use crate::idempotency::IdempotencyError;

/// Why a request about detections is refused.
#[derive(Debug, thiserror::Error)]
pub enum DetectionError {
    /// No such detection, or another tenant's.
    #[error("there is no such detection")]
    NotFound,
    /// What finished after that place may have been removed already.
    #[error("the cursor is older than detections are kept; list the detections, then follow the feed anew")]
    CursorExpired,
    /// What was submitted is no image we take.
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

impl From<IdempotencyError> for DetectionError {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::Database(error) => Self::Database(error),
            other => Self::Idempotency(other),
        }
    }
}
