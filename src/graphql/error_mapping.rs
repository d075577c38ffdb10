//! Maps the errors of domains and stores to codes and messages for clients. The only place that does so.

use sea_orm::{DbErr, RuntimeErr};
use vision::ImageError;

use super::{ApiError, ErrorCode};
use crate::access::rates::RateLimited;
use crate::audit::BufferFull;
use crate::containers::ContainerError;
use crate::contours::ContourError;
use crate::detection::DetectionError;
use crate::enrollment::{EnrollmentError, FrameRejection};
use crate::images::failure::ImageFailure;
use crate::people::{ImageMistake, PeopleError, Rejection};
use crate::store::blobs::BlobError;
use crate::store::error::StoreError;
use crate::store::idempotency::IdempotencyError;

impl From<BufferFull> for ApiError {
    fn from(overrun: BufferFull) -> Self {
        let code = match overrun {
            BufferFull::Full | BufferFull::Share(_) => ErrorCode::Overloaded,
            BufferFull::Unwritable => ErrorCode::StorageUnavailable,
        };
        Self::new(code, overrun.to_string())
    }
}

impl From<RateLimited> for ApiError {
    fn from(short: RateLimited) -> Self {
        let message =
            "this key's operations cost more than FACEQL_RATE_COST_PER_SECOND allows; try again later";
        Self::rate_limited(short.wait, message)
    }
}

impl From<ContainerError> for ApiError {
    fn from(error: ContainerError) -> Self {
        let message = error.to_string();
        match error {
            ContainerError::ContainerNotFound | ContainerError::ImageNotFound => {
                Self::new(ErrorCode::NotFound, message)
            }
            ContainerError::ImageLimitReached { .. } => Self::new(ErrorCode::ImageLimitReached, message),
            ContainerError::NotRetryable(_) => Self::new(ErrorCode::ImageNotRetryable, message),
            ContainerError::Image(error) => error.into(),
            ContainerError::BadInput(_) => Self::new(ErrorCode::BadUserInput, message),
            ContainerError::Store(error) => error.into(),
        }
    }
}

impl From<PeopleError> for ApiError {
    fn from(error: PeopleError) -> Self {
        let message = error.to_string();
        match error {
            PeopleError::PersonNotFound | PeopleError::FaceNotFound | PeopleError::NoEnrolledFace => {
                Self::new(ErrorCode::NotFound, message)
            }
            PeopleError::OtherModel => Self::new(ErrorCode::ModelMismatch, message),
            PeopleError::ConsentRequired => Self::new(ErrorCode::ConsentRequired, message),
            PeopleError::FaceLimitReached { .. } => Self::new(ErrorCode::FaceLimitReached, message),
            PeopleError::Rejected(reason) => Self::new((&reason).into(), message),
            PeopleError::BadInput(_) => Self::new(ErrorCode::BadUserInput, message),
            PeopleError::EngineUnavailable(cause) => {
                tracing::error!(%cause, "the face engine failed");
                Self::new(ErrorCode::EngineUnavailable, "the face engine is unavailable; try again later")
            }
            PeopleError::Store(error) => error.into(),
        }
    }
}

impl From<EnrollmentError> for ApiError {
    fn from(error: EnrollmentError) -> Self {
        let code = match error {
            EnrollmentError::People(error) => return error.into(),
            EnrollmentError::Store(error) => return error.into(),
            EnrollmentError::NotFound => ErrorCode::NotFound,
            EnrollmentError::Expired => ErrorCode::SessionExpired,
            EnrollmentError::Closed => ErrorCode::SessionClosed,
            EnrollmentError::NotEnoughFrames { .. } => ErrorCode::NotEnoughFrames,
            EnrollmentError::Frame { ref reason, .. } => reason.into(),
            EnrollmentError::BadInput(_) => ErrorCode::BadUserInput,
        };
        Self::new(code, error.to_string())
    }
}

impl From<DetectionError> for ApiError {
    fn from(error: DetectionError) -> Self {
        let message = error.to_string();
        match error {
            DetectionError::NotFound => Self::new(ErrorCode::NotFound, message),
            DetectionError::CursorExpired => Self::new(ErrorCode::CursorExpired, message),
            DetectionError::Image(error) => error.into(),
            DetectionError::BadInput(_) => Self::new(ErrorCode::BadUserInput, message),
            DetectionError::Store(error) => error.into(),
        }
    }
}

impl From<ContourError> for ApiError {
    fn from(error: ContourError) -> Self {
        let message = error.to_string();
        match error {
            ContourError::NotFound => Self::new(ErrorCode::NotFound, message),
            ContourError::Image(error) => error.into(),
            ContourError::Undrawable(error) => error.into(),
            ContourError::Store(error) => error.into(),
        }
    }
}

impl From<vision::contour::ContourError> for ApiError {
    fn from(error: vision::contour::ContourError) -> Self {
        use vision::contour::ContourError as Undrawable;
        let code = match &error {
            Undrawable::InvalidLandmarks(_) => ErrorCode::InvalidLandmarks,
            Undrawable::SegmentationMismatch(_) => ErrorCode::SegmentationMismatch,
            Undrawable::BadStyle { .. } => ErrorCode::BadUserInput,
            Undrawable::UnreadableImage(image)
            | Undrawable::UnreadableMap(image)
            | Undrawable::Embedding(image) => image_code(image),
        };
        Self::new(code, error.to_string())
    }
}

impl From<&FrameRejection> for ErrorCode {
    fn from(reason: &FrameRejection) -> Self {
        match reason {
            FrameRejection::Duplicate => Self::DuplicateFrame,
            FrameRejection::Picture(reason) => reason.into(),
        }
    }
}

impl From<&Rejection> for ErrorCode {
    fn from(reason: &Rejection) -> Self {
        match reason {
            Rejection::Image { kind, .. } => match kind {
                ImageMistake::Empty => Self::NoImage,
                ImageMistake::TooManyBytes => Self::PayloadTooLarge,
                ImageMistake::TooManyPixels | ImageMistake::TooCostly => Self::ImageTooLarge,
                ImageMistake::Unsupported => Self::UnsupportedImage,
                ImageMistake::Invalid => Self::InvalidImage,
            },
            Rejection::NoFace => Self::NoFace,
            Rejection::MultipleFaces => Self::MultipleFaces,
            Rejection::PoorQuality { .. } => Self::PoorQuality,
            Rejection::DuplicatePerson { .. } => Self::DuplicatePerson,
            Rejection::DifferentPerson => Self::DifferentPerson,
            Rejection::FaceLimitReached { .. } => Self::FaceLimitReached,
        }
    }
}

impl From<ImageError> for ApiError {
    fn from(error: ImageError) -> Self {
        Self::new(image_code(&error), error.to_string())
    }
}

fn image_code(error: &ImageError) -> ErrorCode {
    match error {
        ImageError::Empty => ErrorCode::NoImage,
        ImageError::TooManyBytes { .. } => ErrorCode::PayloadTooLarge,
        ImageError::TooManyPixels { .. }
        | ImageError::TooManySamples { .. }
        | ImageError::TooMuchMemory { .. } => ErrorCode::ImageTooLarge,
        ImageError::Unsupported => ErrorCode::UnsupportedImage,
        ImageError::Invalid { .. } => ErrorCode::InvalidImage,
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Idempotency(error) => error.into(),
            StoreError::Database(error) => error.into(),
            StoreError::Blob(error) => error.into(),
            StoreError::Internal(cause) => Self::internal(cause),
        }
    }
}

impl From<IdempotencyError> for ApiError {
    fn from(error: IdempotencyError) -> Self {
        let message = error.to_string();
        match error {
            IdempotencyError::Conflict => Self::new(ErrorCode::Conflict, message),
            IdempotencyError::BadKey => Self::new(ErrorCode::BadUserInput, message),
            IdempotencyError::Database(error) => error.into(),
        }
    }
}

impl From<DbErr> for ApiError {
    fn from(error: DbErr) -> Self {
        match error {
            DbErr::ConnectionAcquire(_) => Self::overloaded(),
            DbErr::Conn(RuntimeErr::SqlxError(_)) | DbErr::Exec(_) | DbErr::Query(_) => Self::storage(error),
            other => Self::internal(other),
        }
    }
}

impl From<BlobError> for ApiError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NotFound => Self::internal(error),
            BlobError::Store(_) | BlobError::Folder { .. } | BlobError::InUse { .. } => Self::storage(error),
        }
    }
}

impl From<ImageFailure> for ErrorCode {
    fn from(failure: ImageFailure) -> Self {
        match failure {
            ImageFailure::Invalid => Self::InvalidImage,
            ImageFailure::TooLarge => Self::ImageTooLarge,
            ImageFailure::Unsupported => Self::UnsupportedImage,
            ImageFailure::SegmentationMismatch => Self::SegmentationMismatch,
            ImageFailure::EngineUnavailable => Self::EngineUnavailable,
            ImageFailure::StorageUnavailable => Self::StorageUnavailable,
            ImageFailure::Internal => Self::Internal,
        }
    }
}
