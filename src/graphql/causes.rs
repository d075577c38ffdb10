//! What clients are told of each cause: the one place that maps the errors of domains and stores to codes.

use sea_orm::{DbErr, RuntimeErr};
use vision::ImageError;

use super::{ApiError, ErrorCode};
use crate::audit::Overrun;
use crate::blobs::BlobError;
use crate::contours::ContourError;
use crate::detection::DetectionError;
use crate::enrollment::{EnrollmentError, FrameRejection};
use crate::failure::ImageFailure;
use crate::idempotency::IdempotencyError;
use crate::people::{ImageMistake, PeopleError, Rejection};
use crate::rates::Short;
use crate::verification::VerificationError;

impl From<Overrun> for ApiError {
    fn from(overrun: Overrun) -> Self {
        let code = match overrun {
            Overrun::Full | Overrun::Share(_) => ErrorCode::Overloaded,
            Overrun::Unwritable => ErrorCode::StorageUnavailable,
        };
        Self::new(code, overrun.to_string())
    }
}

impl From<Short> for ApiError {
    fn from(short: Short) -> Self {
        let message = "this key's queries cost more than FACEQL_RATE_COST_PER_SECOND allows; try again later";
        Self::rate_limited(short.wait, message)
    }
}

impl From<VerificationError> for ApiError {
    fn from(error: VerificationError) -> Self {
        let message = error.to_string();
        match error {
            VerificationError::ContainerNotFound | VerificationError::ImageNotFound => {
                Self::new(ErrorCode::NotFound, message)
            }
            VerificationError::ImageLimitReached { .. } => Self::new(ErrorCode::ImageLimitReached, message),
            VerificationError::NotRetryable(_) => Self::new(ErrorCode::ImageNotRetryable, message),
            VerificationError::Image(error) => error.into(),
            VerificationError::BadInput(_) => Self::new(ErrorCode::BadUserInput, message),
            VerificationError::Idempotency(error) => error.into(),
            VerificationError::Database(error) => error.into(),
            VerificationError::Blob(error) => error.into(),
            VerificationError::Internal(cause) => Self::internal(cause),
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
                Self::new(ErrorCode::EngineUnavailable, "the face engine does not work at the moment")
            }
            PeopleError::Idempotency(error) => error.into(),
            PeopleError::Database(error) => error.into(),
            PeopleError::Blob(error) => error.into(),
            PeopleError::Internal(cause) => Self::internal(cause),
        }
    }
}

impl From<EnrollmentError> for ApiError {
    fn from(error: EnrollmentError) -> Self {
        let code = match error {
            EnrollmentError::People(error) => return error.into(),
            EnrollmentError::Database(error) => return error.into(),
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
            DetectionError::Idempotency(error) => error.into(),
            DetectionError::Database(error) => error.into(),
            DetectionError::Blob(error) => error.into(),
            DetectionError::Internal(cause) => Self::internal(cause),
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
            ContourError::Idempotency(error) => error.into(),
            ContourError::Database(error) => error.into(),
            ContourError::Blob(error) => error.into(),
            ContourError::Internal(cause) => Self::internal(cause),
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
