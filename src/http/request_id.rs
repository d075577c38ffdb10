//! A request's id: the caller's own `X-Request-Id` or a new one. In every log line and in the answer's header.

use std::fmt;
use std::time::Instant;

use axum::extract::Request;
use axum::http::{Extensions, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, info, info_span};
use uuid::Uuid;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_BYTES: usize = 64;

/// Ties log lines, errors and the caller's own records together.
#[derive(Clone, Debug)]
pub(super) struct RequestId(HeaderValue);

impl RequestId {
    fn new() -> Self {
        let id = Uuid::now_v7().simple().to_string();
        Self(HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("unknown")))
    }

    /// The id that [`identify`] gave.
    pub(super) fn given(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_else(Self::new)
    }

    fn of(request: &Request) -> Self {
        let plain = |value: &&HeaderValue| {
            (1..=MAX_BYTES).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
        };
        request.headers().get(HEADER).filter(plain).cloned().map_or_else(Self::new, Self)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// Gives the request its id, and writes one line about it when it is answered.
pub(super) async fn identify(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request);
    request.extensions_mut().insert(id.clone());
    let span = info_span!("request", request.id = %id);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    async move {
        let start = Instant::now();
        let mut response = next.run(request).await;
        let (status, elapsed_ms) = (response.status().as_u16(), start.elapsed().as_millis());
        info!(%method, path, status, elapsed_ms, "answered");
        response.headers_mut().insert(HEADER, id.0);
        response
    }
    .instrument(span)
    .await
}
