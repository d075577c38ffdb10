//! What is told of every request: one line in the log, a span in its trace, and its part of the metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::Response;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug_span, info, info_span};

use super::execute::Operation;
use super::request_id::RequestId;
use crate::graphql::ErrorCode;
use crate::metrics::EdgeMetrics;
use crate::telemetry::{TRACED, continue_trace};

/// The routes that are told apart.
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

/// A path may be as long as a client likes; the log tells its beginning.
const MOST_OF_PATH: usize = 200;

/// Stands in the metrics for the status that nobody was there to read. HTTP has none for it; this one is nginx's.
const CLIENT_WENT_AWAY: u16 = 499;

/// What an answer says of itself to those who observe it.
#[derive(Clone, Default)]
pub(super) struct Told {
    /// What was asked for; `None` when it was no GraphQL.
    pub(super) operation: Option<Operation>,
    /// Why it failed.
    pub(super) code: Option<ErrorCode>,
}

/// Gives the request its id, and tells what came of it.
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

/// A request on its way. Dropped without an answer, its client has gone away.
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

    /// The request's span, in the trace that the client began if it did.
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
        let Told { operation, code } = response.extensions_mut().remove().unwrap_or_default();
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

    /// The path without what follows it: a query may hold anything. A long one is cut off.
    fn path(&self) -> &str {
        let path = self.uri.path();
        &path[..path.floor_char_boundary(MOST_OF_PATH)]
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

/// One of those that HTTP has: a client can make others up.
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

/// One of [`ROUTES`]: a path is the client's to choose.
fn route(request: &Request) -> &'static str {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    ROUTES.iter().copied().find(|route| Some(*route) == matched).unwrap_or("other")
}

/// To the microsecond.
fn milliseconds(time: Duration) -> f64 {
    f64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}
