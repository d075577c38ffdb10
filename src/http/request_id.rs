//! A request's id: the caller's own `X-Request-Id` or a new one. In every log line and in the answer's header.

use std::fmt;

use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_BYTES: usize = 64;

/// Ties log lines, errors, traces and the caller's own records together.
#[derive(Clone, Debug)]
pub(super) struct RequestId(HeaderValue);

impl RequestId {
    fn new() -> Self {
        let id = Uuid::now_v7().simple().to_string();
        Self(HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("unknown")))
    }

    /// The id that the request was given when it came in.
    pub(super) fn given(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_else(Self::new)
    }

    pub(super) fn of(headers: &HeaderMap) -> Self {
        let plain = |value: &&HeaderValue| {
            (1..=MAX_BYTES).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
        };
        headers.get(HEADER).filter(plain).cloned().map_or_else(Self::new, Self)
    }

    /// Tells it the caller.
    pub(super) fn put(self, answer: &mut HeaderMap) {
        answer.insert(HEADER, self.0);
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.to_str().unwrap_or_default())
    }
}
