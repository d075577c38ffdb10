//! Errors as clients see them: one code, one sentence. Which causes have which is told in [`super::causes`].

use std::time::Duration;

use async_graphql::{Enum, ErrorExtensionValues, ErrorExtensions, Response, ServerError, Value};
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
    /// The image has too many pixels, too many scans, or would take too much memory to decode.
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

    /// `QUERY_TOO_COSTLY`: the response takes more than it may, which is `max_bytes`.
    #[must_use]
    pub fn response_too_large(max_bytes: usize) -> Self {
        let message = format!(
            "the response takes more than {max_bytes} bytes (FACEQL_MAX_RESPONSE_BYTES, which a batch shares); ask for less, or in parts"
        );
        Self::new(ErrorCode::QueryTooCostly, message)
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
    pub(super) fn storage(cause: impl std::fmt::Display) -> Self {
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
