//! What can go wrong with contours.

use sea_orm::DbErr;
use vision::ImageError;

use crate::blobs::BlobError;
use crate::idempotency::IdempotencyError;

/// Why a request about contours is refused.
#[derive(Debug, thiserror::Error)]
pub enum ContourError {
    /// No such contour, or another tenant's.
    #[error("there is no such contour")]
    NotFound,
    /// What was submitted is no image we take.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Landmarks, style or the size of the map cannot be drawn.
    #[error(transparent)]
    Undrawable(#[from] vision::contour::ContourError),
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

impl From<IdempotencyError> for ContourError {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::Database(error) => Self::Database(error),
            other => Self::Idempotency(other),
        }
    }
}
