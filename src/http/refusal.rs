//! A refusal before the schema is reached: a well-formed GraphQL response with a code, and a fitting status.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use serde_json::json;

use super::answer::Answer;
use super::format::Format;
use super::observe::Told;
use crate::graphql::{ApiError, ErrorCode};

/// Why a request goes no further.
#[derive(Debug)]
pub(super) struct Refusal(ApiError);

impl Refusal {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(ApiError::new(code, message))
    }

    pub(super) fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The refusal in the form that the client takes.
    pub(super) fn in_format(self, format: Format) -> Response {
        let (code, status, wait) = (self.0.code, status(self.0.code), self.retry_after());
        let mut response = (status, Answer::from(self.0).json).into_response();
        let content_type = HeaderValue::from_static(format.content_type());
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response.extensions_mut().insert(Told { operation: None, code: Some(code) });
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
        }
        response.headers_mut().extend(wait);
        response
    }

    /// The refusal for a client that speaks no GraphQL.
    pub(super) fn in_short(self) -> Response {
        let told = Told { operation: None, code: Some(self.0.code) };
        let wait = self.retry_after();
        let body = Json(json!({ "error": self.0.message }));
        let mut response = (status(self.0.code), Extension(told), body).into_response();
        response.headers_mut().extend(wait);
        response
    }

    fn retry_after(&self) -> Option<(HeaderName, HeaderValue)> {
        self.0.wait.map(|wait| (header::RETRY_AFTER, whole_seconds(wait)))
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        refusal.0
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.in_format(Format::Json)
    }
}

/// As `Retry-After` has it: who waits so many seconds has waited long enough.
pub(super) fn whole_seconds(wait: Duration) -> HeaderValue {
    HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

/// The status that says as much.
pub(super) fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::CsrfRefused => StatusCode::FORBIDDEN,
        ErrorCode::Timeout => StatusCode::REQUEST_TIMEOUT,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Overloaded | ErrorCode::StorageUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}
