//! Observability of requests: one log line, one trace span and the metrics of each request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::Response;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug_span, info, info_span};

use super::graphql::outcome::{Operation, Outcome};
use super::request_id::RequestId;
use crate::graphql::ErrorCode;
use crate::metrics::EdgeMetrics;
use crate::telemetry::{TRACED, continue_trace};

/// The routes that metrics and traces distinguish.
const ROUTES: [&str; 8] = [
    "/graphql",
    "/files/{kind}/{name}",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/v1/selfie",
    "/",
    "/assets/{name}",
];

/// Longer paths are truncated in the log, since clients choose their length.
const MAX_PATH_BYTES: usize = 200;

/// The status in metrics of requests whose client disconnected before the response. HTTP defines none; this is nginx's.
const CLIENT_WENT_AWAY: u16 = 499;

/// Assigns the request its id, and reports its outcome.
pub(super) async fn observe(
    State(metrics): State<Arc<EdgeMetrics>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let in_log = info_span!("request", request.id = %id);
    let observed = Observed::new(metrics, &request);
    async move {
        let span = observed.span(&request, &id);
        let mut response = next.run(request).instrument(span.clone()).await;
        observed.answered(&mut response, &span);
        id.put(response.headers_mut());
        response
    }
    .instrument(in_log)
    .await
}

/// A request in progress. If it is dropped without a response, its client has disconnected.
struct Observed {
    metrics: Arc<EdgeMetrics>,
    method: &'static str,
    route: &'static str,
    uri: Uri,
    start: Instant,
    is_answered: bool,
}

impl Observed {
    fn new(metrics: Arc<EdgeMetrics>, request: &Request) -> Self {
        let (method, route, uri) = (method(request), route(request), request.uri().clone());
        Self { metrics, method, route, uri, start: Instant::now(), is_answered: false }
    }

    /// The span of the request, within the client's trace if it sent one.
    fn span(&self, request: &Request, id: &RequestId) -> Span {
        let span = debug_span!(
            target: TRACED, "http",
            otel.name = %format_args!("{} {}", self.method, self.route),
            otel.kind = "server",
            http.request.method = self.method,
            http.route = self.route,
            http.response.status_code = Empty,
            otel.status_code = Empty,
            request.id = %id,
        );
        continue_trace(&span, request.headers());
        span
    }

    fn answered(mut self, response: &mut Response, span: &Span) {
        self.is_answered = true;
        let (status, took) = (response.status(), self.start.elapsed());
        let Outcome { operation, code } = response.extensions_mut().remove().unwrap_or_default();
        info!(
            method = self.method,
            path = self.path(),
            status = status.as_u16(),
            elapsed_ms = milliseconds(took),
            operation = operation.as_ref().map(Operation::kind_name),
            field = operation.as_ref().and_then(Operation::field),
            code = code.map(ErrorCode::name),
            "answered"
        );
        self.metrics.answered(self.route, status.as_u16(), took);
        span.record("http.response.status_code", status.as_u16());
        if status.is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
    }

    /// The path without its query string, which may contain anything, truncated to [`MAX_PATH_BYTES`].
    fn path(&self) -> &str {
        let path = self.uri.path();
        &path[..path.floor_char_boundary(MAX_PATH_BYTES)]
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        if !self.is_answered {
            let took = self.start.elapsed();
            info!(method = self.method, path = self.path(), elapsed_ms = milliseconds(took), "went away");
            self.metrics.answered(self.route, CLIENT_WENT_AWAY, took);
        }
    }
}

/// A known method or `_OTHER`, since clients can send arbitrary methods.
fn method(request: &Request) -> &'static str {
    match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "_OTHER",
    }
}

/// One of [`ROUTES`] or `other`, since clients can send arbitrary paths.
fn route(request: &Request) -> &'static str {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    ROUTES.iter().copied().find(|route| Some(*route) == matched).unwrap_or("other")
}

/// A duration in milliseconds with microsecond precision.
fn milliseconds(time: Duration) -> f64 {
    f64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}
