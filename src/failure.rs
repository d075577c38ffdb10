//! Why background work on an image fails: told to the worker, which may try again, and to the client.

use sea_orm::DbErr;
use vision::ImageError;
use vision::contour::ContourError;

use crate::blobs::BlobError;
use crate::database::is_storage_fault;
use crate::inference::EncodeError;
use crate::jobs::{Failure, GaveUp};

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The image is at fault, or the engine did not work.
    #[error(transparent)]
    Engine(#[from] EncodeError),
    /// The contour cannot be drawn.
    #[error(transparent)]
    Contour(#[from] ContourError),
    /// A defect of ours.
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

/// What the client is told. Stored by name and message with what failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// For programs.
    pub failure: ImageFailure,
    /// For people. The cause may name files and hosts: it is in the worker's log alone.
    pub message: String,
}

impl From<&GaveUp<'_, WorkError>> for Explanation {
    fn from(reason: &GaveUp<'_, WorkError>) -> Self {
        let GaveUp::Failed(error) = reason else {
            return Self::new(ImageFailure::Internal, "work on this image ended the server repeatedly");
        };
        match error {
            WorkError::Engine(EncodeError::Image(error)) => Self::new(error.into(), error.to_string()),
            WorkError::Contour(error) => Self::new(error.into(), error.to_string()),
            WorkError::Engine(EncodeError::Unavailable(_)) => Self::new(
                ImageFailure::EngineUnavailable,
                "the engine did not work; try the image again later",
            ),
            WorkError::Engine(EncodeError::Refused(_)) => Self::new(
                ImageFailure::EngineUnavailable,
                "the encoding service refuses this server; tell whoever runs it",
            ),
            WorkError::Defect(_) | WorkError::Database(DbErr::Json(_)) => {
                Self::new(ImageFailure::Internal, "something went wrong on the server; its log tells more")
            }
            WorkError::Blob(BlobError::NotFound) => {
                Self::new(ImageFailure::StorageUnavailable, "the image's bytes are gone; upload it again")
            }
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
    /// This failure, in these words.
    pub fn new(failure: ImageFailure, message: impl Into<String>) -> Self {
        Self { failure, message: message.into() }
    }
}

/// Why an image's work is FAILED. Stored by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFailure {
    /// Broken, cut short or not what its header says.
    Invalid,
    /// More pixels or bytes than are taken.
    TooLarge,
    /// A format, or a variant of one, that is not read.
    Unsupported,
    /// A segmentation map that does not fit.
    SegmentationMismatch,
    /// The engine did not do its work in any attempt.
    EngineUnavailable,
    /// Its bytes could not be read, or the result not be written.
    StorageUnavailable,
    /// A defect of ours.
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
            // Looked at before there was a job.
            ContourError::InvalidLandmarks(_) | ContourError::BadStyle { .. } => Self::Internal,
        }
    }
}
