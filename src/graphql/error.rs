//! Errors as clients see them: one code, one sentence. The one place that maps causes to codes.

use std::time::Duration;

use async_graphql::{Enum, ErrorExtensionValues, ErrorExtensions, Response, ServerError, Value};
use sea_orm::{DbErr, RuntimeErr};
use vision::ImageError;

use crate::audit::Overrun;
use crate::blobs::BlobError;
use crate::contours::ContourError;
use crate::detection::DetectionError;
use crate::enrollment::{EnrollmentError, FrameRejection};
use crate::failure::ImageFailure;
use crate::idempotency::IdempotencyError;
use crate::people::{ImageMistake, PeopleError, Rejection};
use crate::verification::VerificationError;

/// What went wrong, for programs. Codes may be added; tolerate one that you do not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ErrorCode {
    /// An argument is out of range or makes no sense.
    BadUserInput,
    /// The id is not one of this type.
    InvalidId,
    /// There is no such thing, or it is another tenant's.
    NotFound,
    /// The idempotency key was used with another input.
    Conflict,
    /// The cursor is older than what is kept.
    CursorExpired,
    /// A valid API key is needed.
    Unauthenticated,
    /// The API key does not allow this.
    Forbidden,
    /// Too many requests; try again later.
    RateLimited,
    /// The query asks for too much at once.
    QueryTooCostly,
    /// The request could come from a foreign web page.
    CsrfRefused,
    /// The HTTP method does not allow this operation.
    MethodNotAllowed,
    /// None of the accepted media types can be served.
    NotAcceptable,
    /// The request's media type is not understood.
    UnsupportedMediaType,
    /// The request or the file has too many bytes.
    PayloadTooLarge,
    /// No image was given.
    NoImage,
    /// The image is broken or cut short.
    InvalidImage,
    /// The image has too many pixels.
    ImageTooLarge,
    /// The image format is not read.
    UnsupportedImage,
    /// The container is full.
    ImageLimitReached,
    /// The image has not failed, or its bytes are gone.
    ImageNotRetryable,
    /// The image shows no face.
    NoFace,
    /// The image shows several faces and it is not clear which is meant.
    MultipleFaces,
    /// The face is not good enough.
    PoorQuality,
    /// A new person needs a recorded consent.
    ConsentRequired,
    /// The person has as many faces as are allowed.
    FaceLimitReached,
    /// The face is another enrolled person's.
    DuplicatePerson,
    /// The faces are not of one person.
    DifferentPerson,
    /// The vectors come from different models.
    ModelMismatch,
    /// The enrollment session has run out of time.
    SessionExpired,
    /// The enrollment session has ended.
    SessionClosed,
    /// The frame is too like an earlier one.
    DuplicateFrame,
    /// The enrollment session needs more good frames.
    NotEnoughFrames,
    /// The landmarks cannot be those of a face in this image.
    InvalidLandmarks,
    /// The segmentation map does not fit the image.
    SegmentationMismatch,
    /// The face engine or the encoding service does not work.
    EngineUnavailable,
    /// The database or the blob store does not work.
    StorageUnavailable,
    /// The server has too much to do; try again later.
    Overloaded,
    /// The request took too long.
    Timeout,
    /// A defect of the server; its log tells more under the request id.
    Internal,
    /// The document is not GraphQL.
    GraphqlParseFailed,
    /// The document does not fit the schema.
    GraphqlValidationFailed,
    /// No document is known by that hash.
    PersistedQueryNotFound,
}

impl ErrorCode {
    /// The code as it is written in `extensions.code`.
    #[must_use]
    pub fn name(self) -> &'static str {
        let items = <Self as async_graphql::resolver_utils::EnumType>::items();
        items.iter().find(|item| item.value == self).map_or("INTERNAL", |item| item.name)
    }

    /// The code of a response's first error; `None` when it has no error.
    #[must_use]
    pub fn of(response: &Response) -> Option<Self> {
        let values = response.errors.first()?.extensions.as_ref();
        let items = <Self as async_graphql::resolver_utils::EnumType>::items();
        let known = match values.and_then(|values| values.get("code")) {
            Some(Value::String(name)) => items.iter().find(|item| item.name == name),
            _ => None,
        };
        Some(known.map_or(Self::Internal, |item| item.value))
    }

    /// Whether it is the server that is at fault, or at its limits, and not the request.
    #[must_use]
    pub fn is_of_server(self) -> bool {
        matches!(
            self,
            Self::Internal
                | Self::EngineUnavailable
                | Self::StorageUnavailable
                | Self::Overloaded
                | Self::Timeout
        )
    }
}

/// Among an error's extensions: milliseconds until the same may be asked again.
pub const RETRY_AFTER_MS: &str = "retryAfterMs";

/// Who waits so many milliseconds has waited long enough.
fn milliseconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// An error on its way to the client. Not `Display`: it converts to a GraphQL error with its code, or not at all.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what to do about it.
    pub message: String,
    /// After how long the same may be asked again, where that is known: `retryAfterMs` among the extensions.
    pub wait: Option<Duration>,
}

impl ApiError {
    /// An error of `code` that says `message`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), wait: None }
    }

    /// `RATE_LIMITED` for so long.
    pub fn rate_limited(wait: Duration, message: impl Into<String>) -> Self {
        Self { wait: Some(wait), ..Self::new(ErrorCode::RateLimited, message) }
    }

    /// `OVERLOADED`, by whatever there is too much of.
    #[must_use]
    pub fn overloaded() -> Self {
        Self::new(ErrorCode::Overloaded, "the server has too much to do; try again later")
    }

    /// A defect: the cause goes to the log, the client learns that there was one.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed by a defect");
        Self::new(
            ErrorCode::Internal,
            "something went wrong on the server; its log tells more under the request id",
        )
    }

    /// The storage is down or full.
    fn storage(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "the storage failed");
        Self::new(ErrorCode::StorageUnavailable, "the storage does not work at the moment; try again later")
    }

    /// The same as a whole response's error, outside of any field.
    #[must_use]
    pub fn into_server_error(self) -> ServerError {
        let error = async_graphql::Error::from(self).into_server_error(async_graphql::Pos::default());
        ServerError { locations: Vec::new(), ..error }
    }
}

impl From<ApiError> for async_graphql::Error {
    fn from(error: ApiError) -> Self {
        async_graphql::Error::new(error.message).extend_with(|_, values| {
            values.set("code", error.code.name());
            if let Some(wait) = error.wait {
                values.set(RETRY_AFTER_MS, milliseconds(wait));
            }
        })
    }
}

/// Gives `error` a code unless it has one.
pub(super) fn give_code(error: &mut ServerError, code: ErrorCode) {
    let values = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    if values.get("code").is_none() {
        values.set("code", code.name());
    }
}

/// The code of a field's error, as [`give_code`] gives it where the error comes from async-graphql.
pub(super) fn code_of(error: &ServerError) -> String {
    match error.extensions.as_ref().and_then(|values| values.get("code")) {
        Some(Value::String(code)) => code.clone(),
        _ => ErrorCode::BadUserInput.name().to_owned(),
    }
}

impl From<Overrun> for ApiError {
    fn from(overrun: Overrun) -> Self {
        Self::new(ErrorCode::Overloaded, overrun.to_string())
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
                ImageMistake::TooManyPixels => Self::ImageTooLarge,
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
        ImageError::TooManyPixels { .. } => ErrorCode::ImageTooLarge,
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
