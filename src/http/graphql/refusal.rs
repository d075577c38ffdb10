//! Refusals before execution: a well-formed GraphQL response with an error code and the corresponding status.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use serde_json::json;

use super::answer::Answer;
use super::format::Format;
use super::outcome::Outcome;
use super::status::{status_of, whole_seconds};
use crate::graphql::{ApiError, ErrorCode};

/// Why a request was refused.
#[derive(Debug)]
pub(in crate::http) struct Refusal(ApiError);

impl Refusal {
    pub(in crate::http) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(ApiError::new(code, message))
    }

    pub(in crate::http) fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The response in a format that the client accepts.
    pub(in crate::http) fn in_format(self, format: Format) -> Response {
        let (code, status, wait) = (self.0.code, status_of(self.0.code), self.retry_after());
        let mut response = (status, Answer::from(self.0).json).into_response();
        let content_type = HeaderValue::from_static(format.content_type());
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response.extensions_mut().insert(Outcome { operation: None, code: Some(code) });
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
        }
        response.headers_mut().extend(wait);
        response
    }

    /// The response to a request other than GraphQL: `{"error": "…"}`.
    pub(in crate::http) fn in_short(self) -> Response {
        let told = Outcome { operation: None, code: Some(self.0.code) };
        let wait = self.retry_after();
        let body = Json(json!({ "error": self.0.message }));
        let mut response = (status_of(self.0.code), Extension(told), body).into_response();
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
