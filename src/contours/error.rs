//! Errors of contour operations.

use vision::ImageError;

use crate::store::error::{StoreError, from_store_errors};

/// Why a request about contours fails.
#[derive(Debug, thiserror::Error)]
pub enum ContourError {
    /// The contour does not exist or belongs to another tenant.
    #[error("there is no such contour")]
    NotFound,
    /// The upload is not an acceptable image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The landmarks, the style or the size of the segmentation map are invalid.
    #[error(transparent)]
    Undrawable(#[from] vision::contour::ContourError),
    /// A store failed, or refuses the idempotency key.
    #[error(transparent)]
    Store(#[from] StoreError),
}

from_store_errors!(ContourError);
