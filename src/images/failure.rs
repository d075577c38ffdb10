//! Why background work on an image failed: reported to the worker, which may retry, and to the client.

use sea_orm::DbErr;
use vision::ImageError;
use vision::contour::ContourError;

use crate::inference::EncodeError;
use crate::jobs::{Failure, GaveUp};
use crate::store::blobs::BlobError;
use crate::store::database::is_storage_fault;

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The image is invalid, or the engine failed.
    #[error(transparent)]
    Engine(#[from] EncodeError),
    /// The contour cannot be drawn.
    #[error(transparent)]
    Contour(#[from] ContourError),
    /// Internal error: a bug in FaceQL.
    #[error("{0}")]
    Defect(String),
    /// Bytes could not be read or stored.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The result could not be written.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl From<EncodeError> for Failure<WorkError> {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::Unavailable(_) => Self::Transient(error.into()),
            EncodeError::Image(_) | EncodeError::Refused(_) => Self::Permanent(error.into()),
        }
    }
}

impl From<BlobError> for Failure<WorkError> {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NotFound => Self::Permanent(error.into()),
            error if error.is_for_want_of_room() => Self::Storage(error.into()),
            error => Self::Transient(error.into()),
        }
    }
}

impl From<DbErr> for Failure<WorkError> {
    fn from(error: DbErr) -> Self {
        if is_storage_fault(&error) { Self::Storage(error.into()) } else { Self::Transient(error.into()) }
    }
}

/// The failure as reported to the client. Its name and message are stored with the failed row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Machine-readable reason.
    pub failure: ImageFailure,
    /// Human-readable message. Causes may contain file and host names, so they are only written to the worker's log.
    pub message: String,
}

impl From<&GaveUp<'_, WorkError>> for Explanation {
    fn from(reason: &GaveUp<'_, WorkError>) -> Self {
        let GaveUp::Failed(error) = reason else {
            return Self::new(
                ImageFailure::Internal,
                "the server crashed repeatedly while processing this image",
            );
        };
        match error {
            WorkError::Engine(EncodeError::Image(error)) => Self::new(error.into(), error.to_string()),
            WorkError::Contour(error) => Self::new(error.into(), error.to_string()),
            WorkError::Engine(EncodeError::Unavailable(_)) => {
                Self::new(ImageFailure::EngineUnavailable, "the engine failed; retry the image later")
            }
            WorkError::Engine(EncodeError::Refused(_)) => Self::new(
                ImageFailure::EngineUnavailable,
                "the encoding service rejects this server; contact its operator",
            ),
            WorkError::Defect(_) | WorkError::Database(DbErr::Json(_)) => {
                Self::new(ImageFailure::Internal, "internal error; the server's log has the details")
            }
            WorkError::Blob(BlobError::NotFound) => Self::new(
                ImageFailure::StorageUnavailable,
                "the image's bytes no longer exist; upload it again",
            ),
            WorkError::Blob(_) => {
                Self::new(ImageFailure::StorageUnavailable, "the image's bytes could not be read or stored")
            }
            WorkError::Database(_) => {
                Self::new(ImageFailure::StorageUnavailable, "the result could not be written")
            }
        }
    }
}

impl Explanation {
    /// An explanation with the given message.
    pub fn new(failure: ImageFailure, message: impl Into<String>) -> Self {
        Self { failure, message: message.into() }
    }
}

/// Why work on an image failed. Stored by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFailure {
    /// The file is corrupt, truncated or does not match its header.
    Invalid,
    /// More pixels or bytes than allowed.
    TooLarge,
    /// The format, or this variant of it, is not supported.
    Unsupported,
    /// The segmentation map does not match the image.
    SegmentationMismatch,
    /// The engine failed in every attempt.
    EngineUnavailable,
    /// The bytes could not be read, or the result could not be written.
    StorageUnavailable,
    /// Internal error: a bug in FaceQL.
    Internal,
}

impl ImageFailure {
    const NAMES: [(Self, &'static str); 7] = [
        (Self::Invalid, "invalid"),
        (Self::TooLarge, "too_large"),
        (Self::Unsupported, "unsupported"),
        (Self::SegmentationMismatch, "segmentation_mismatch"),
        (Self::EngineUnavailable, "engine_unavailable"),
        (Self::StorageUnavailable, "storage_unavailable"),
        (Self::Internal, "internal"),
    ];

    /// The name under which the failure is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(failure, _)| *failure == self).map_or("internal", |(_, name)| name)
    }

    /// Parses a stored name; a name stored by a later version is read as `Internal`.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        Self::NAMES.iter().find(|(_, stored)| *stored == name).map_or(Self::Internal, |(failure, _)| *failure)
    }
}

impl From<&ImageError> for ImageFailure {
    fn from(error: &ImageError) -> Self {
        match error {
            ImageError::Empty | ImageError::Invalid { .. } => Self::Invalid,
            ImageError::TooManyBytes { .. }
            | ImageError::TooManyPixels { .. }
            | ImageError::TooManySamples { .. }
            | ImageError::TooMuchMemory { .. } => Self::TooLarge,
            ImageError::Unsupported => Self::Unsupported,
        }
    }
}

impl From<&ContourError> for ImageFailure {
    fn from(error: &ContourError) -> Self {
        match error {
            ContourError::SegmentationMismatch(_) => Self::SegmentationMismatch,
            ContourError::UnreadableImage(error)
            | ContourError::UnreadableMap(error)
            | ContourError::Embedding(error) => error.into(),
            // Checked before the job was enqueued.
            ContourError::InvalidLandmarks(_) | ContourError::BadStyle { .. } => Self::Internal,
        }
    }
}
