//! The id of a request: the client's `X-Request-Id` or a new one. It is in every log line and in a response header.

use std::fmt;

use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_BYTES: usize = 64;

/// Correlates log lines, traces, audit entries and the client's own records.
#[derive(Clone, Debug)]
pub(super) struct RequestId(HeaderValue);

impl RequestId {
    fn new() -> Self {
        let id = Uuid::now_v7().simple().to_string();
        Self(HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("unknown")))
    }

    /// The id assigned to the request by [`Self::of`] when it arrived.
    pub(super) fn given(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_else(Self::new)
    }

    /// The client's id if it has 1 to 64 printable ASCII characters, otherwise a new one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let plain = |value: &&HeaderValue| {
            (1..=MAX_BYTES).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
        };
        headers.get(HEADER).filter(plain).cloned().map_or_else(Self::new, Self)
    }

    /// Adds the id to the response's headers.
    pub(super) fn put(self, answer: &mut HeaderMap) {
        answer.insert(HEADER, self.0);
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.to_str().unwrap_or_default())
    }
}
