//! Errors of detection operations.

use vision::ImageError;

use crate::store::error::{StoreError, from_store_errors};

/// Why a request about detections fails.
#[derive(Debug, thiserror::Error)]
pub enum DetectionError {
    /// The detection does not exist or belongs to another tenant.
    #[error("there is no such detection")]
    NotFound,
    /// Detections that finished after the cursor may have been removed already.
    #[error(
        "the cursor is older than the retention of detections; list the detections, then follow the feed again"
    )]
    CursorExpired,
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

from_store_errors!(DetectionError);
