//! Errors as clients receive them: one code and one sentence each. [`super::error_mapping`] maps causes to codes.

use std::time::Duration;

use async_graphql::{Enum, ErrorExtensionValues, ErrorExtensions, Response, ServerError, Value};

/// Machine-readable reason of a failure: the `extensions.code` of an error, the code of a rejected image or frame, or
/// of failed background work. New codes may be added, so handle unknown ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ErrorCode {
    /// An argument, variable or input field is missing, out of range or of the wrong form; the message names it.
    BadUserInput,
    /// The id is malformed, or belongs to another type than the one expected.
    InvalidId,
    /// The object does not exist, was deleted, or belongs to another tenant.
    NotFound,
    /// The idempotency key was used before with a different input. Use a new key.
    Conflict,
    /// The feed cursor is older than the retention time, so items after it may be missing. List the detections, then
    /// follow the feed without a cursor.
    CursorExpired,
    /// The request has no valid API key.
    Unauthenticated,
    /// The API key lacks the scope that the field requires, or the server does not accept the request's `Host` or
    /// document.
    Forbidden,
    /// The API key exceeded its rate limit. `extensions.retryAfterMs` says after how many milliseconds the request may
    /// be repeated.
    RateLimited,
    /// The document exceeds a limit on size, nesting, number of fields or cost, or the response would be too large.
    /// Request less, or split the request.
    QueryTooCostly,
    /// The request could have been forged by a foreign web page (CSRF). Send a header that such a page cannot send,
    /// such as `Apollo-Require-Preflight: 1`, or allow the page's origin in the server's settings.
    CsrfRefused,
    /// The HTTP method does not allow this operation: mutations require POST.
    MethodNotAllowed,
    /// None of the media types in the `Accept` header can be produced for this response.
    NotAcceptable,
    /// The `Content-Type` of the request is not supported.
    UnsupportedMediaType,
    /// The request or an image file has more bytes than allowed; see `Limits.maxUploadBytes`.
    PayloadTooLarge,
    /// The image is missing or has no bytes.
    NoImage,
    /// The image is corrupt or truncated, or its base64 is invalid.
    InvalidImage,
    /// The image has too many pixels or scans, or would take too much memory to decode; see `Limits.maxImagePixels`.
    ImageTooLarge,
    /// The image format is not supported. Send JPEG, PNG, WebP, GIF or BMP.
    UnsupportedImage,
    /// The container already holds as many images as its `imageLimit`.
    ImageLimitReached,
    /// The image cannot be retried: it is not FAILED, or its file is no longer kept.
    ImageNotRetryable,
    /// No face was detected in the image.
    NoFace,
    /// The image shows several faces, and none of them is clearly the subject.
    MultipleFaces,
    /// The quality of the face is too low; `issues` lists the reasons where it is available.
    PoorQuality,
    /// The person is new and the input has no consent.
    ConsentRequired,
    /// The person would have more faces than allowed (20 by default).
    FaceLimitReached,
    /// The face matches another person enrolled in the gallery.
    DuplicatePerson,
    /// The face does not resemble the other faces of the person.
    DifferentPerson,
    /// The person's templates come from another model than the current one, so they cannot be compared. Enroll the
    /// person again.
    ModelMismatch,
    /// The enrollment session has expired. Start a new one.
    SessionExpired,
    /// The enrollment session was completed or cancelled. Start a new one.
    SessionClosed,
    /// The frame repeats an earlier one: the same file, or the same pose within 0.3 seconds.
    DuplicateFrame,
    /// The enrollment session has fewer accepted frames than `requiredFrames`.
    NotEnoughFrames,
    /// There are too few or too many landmarks, some lie outside of the image, or they are not arranged as in a face.
    InvalidLandmarks,
    /// The segmentation map differs in size from the image, has no or too many regions, or has 16 bits per color
    /// channel.
    SegmentationMismatch,
    /// The face engine or the external encoding service failed. Try again later.
    EngineUnavailable,
    /// The database or the blob store failed. Try again later.
    StorageUnavailable,
    /// The server is at its capacity, or the client at its share of it. Try again later.
    Overloaded,
    /// The request did not arrive, or was not executed, within its time limit.
    Timeout,
    /// A bug in the server. Its log has details under the request id.
    Internal,
    /// The document has a GraphQL syntax error.
    GraphqlParseFailed,
    /// The document is not valid against the schema.
    GraphqlValidationFailed,
    /// The server knows no document with this hash or id. Unless it only accepts trusted documents, send the text along
    /// with the hash.
    PersistedQueryNotFound,
}

impl ErrorCode {
    /// The code's name as written in `extensions.code`, such as `NOT_FOUND`.
    #[must_use]
    pub fn name(self) -> &'static str {
        let items = <Self as async_graphql::resolver_utils::EnumType>::items();
        items.iter().find(|item| item.value == self).map_or("INTERNAL", |item| item.name)
    }

    /// The code of a response's first error, `Internal` if that has none; `None` if there is no error.
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

    /// Whether the server failed or is at capacity, as opposed to a faulty request.
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

/// Key among an error's extensions: milliseconds after which the request may be repeated.
pub const RETRY_AFTER_MS: &str = "retryAfterMs";

/// `wait` in milliseconds, rounded up so that a client that waits this long waits long enough.
fn milliseconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// An error for the client. It does not implement `Display`, so that it can only be converted to a GraphQL error with
/// its code.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// Machine-readable reason.
    pub code: ErrorCode,
    /// Message for people: what is wrong and, where possible, what to do about it.
    pub message: String,
    /// Time after which the request may be repeated, if known; sent as `retryAfterMs` in the extensions.
    pub wait: Option<Duration>,
}

impl ApiError {
    /// An error with `code` and `message`, without a time to wait.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), wait: None }
    }

    /// A `RATE_LIMITED` error; the request may be repeated after `wait`.
    pub fn rate_limited(wait: Duration, message: impl Into<String>) -> Self {
        Self { wait: Some(wait), ..Self::new(ErrorCode::RateLimited, message) }
    }

    /// An `OVERLOADED` error that does not name the exhausted resource.
    #[must_use]
    pub fn overloaded() -> Self {
        Self::new(ErrorCode::Overloaded, "the server is overloaded; try again later")
    }

    /// A `QUERY_TOO_COSTLY` error for a response larger than `max_bytes`.
    #[must_use]
    pub fn response_too_large(max_bytes: usize) -> Self {
        let message = format!(
            "the response exceeds {max_bytes} bytes (FACEQL_MAX_RESPONSE_BYTES, shared by a batch); request less, or split the request"
        );
        Self::new(ErrorCode::QueryTooCostly, message)
    }

    /// An `INTERNAL` error for a bug: the cause is logged and not sent to the client.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed because of a bug");
        Self::new(ErrorCode::Internal, "internal error; the server's log has details under the request id")
    }

    /// A `STORAGE_UNAVAILABLE` error for storage that is down or full: the cause is logged and not sent to the client.
    pub(super) fn storage(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "storage failed");
        Self::new(ErrorCode::StorageUnavailable, "the storage is unavailable; try again later")
    }

    /// Converts to an error of the whole response, without a path or locations.
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

/// Sets the code of `error` unless it already has one.
pub(super) fn give_code(error: &mut ServerError, code: ErrorCode) {
    let values = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    if values.get("code").is_none() {
        values.set("code", code.name());
    }
}

/// The code of a field's error. An error of async-graphql has none yet and gets `BAD_USER_INPUT`, as [`give_code`] sets
/// it later.
pub(super) fn code_of(error: &ServerError) -> String {
    match error.extensions.as_ref().and_then(|values| values.get("code")) {
        Some(Value::String(code)) => code.clone(),
        _ => ErrorCode::BadUserInput.name().to_owned(),
    }
}
