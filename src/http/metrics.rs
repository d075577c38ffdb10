//! `GET /metrics` for Prometheus: for callers with the scope `admin`, or at a separate address without a key.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::HttpConfig;
use super::auth::Authenticator;
use super::graphql::refusal::Refusal;
use super::listener::server::serve_plainly;
use crate::graphql::lacks_scope;
use crate::index::VectorIndex;
use crate::inference::EmbeddedEncoder;
use crate::jobs::Queue;
use crate::metrics::{Metrics, Readings};

/// The state of `/metrics`. Clones share it.
#[derive(Clone)]
pub struct MetricsEndpoint {
    /// Counters and histograms.
    pub metrics: Arc<Metrics>,
    /// Source of the numbers of engine threads and waiting images.
    pub engine: EmbeddedEncoder,
    /// Source of the numbers of jobs; `None` in `faceql encoder`.
    pub queue: Option<Queue>,
    /// Source of the number of indexed faces; `None` in `faceql encoder`.
    pub index: Option<Arc<dyn VectorIndex>>,
}

impl MetricsEndpoint {
    /// The endpoint of `faceql encoder`, which has neither jobs nor an index.
    #[must_use]
    pub fn of_engine(engine: EmbeddedEncoder) -> Self {
        let metrics = Arc::new(Metrics::new(engine.metrics(), None));
        Self { metrics, engine, queue: None, index: None }
    }

    /// Serves only metrics on `listener`, over plain HTTP and without a key, until `stop`.
    pub async fn serve(self, listener: TcpListener, config: HttpConfig, stop: CancellationToken) {
        let answer = |State(scrape): State<Self>| async move { scrape.answer().await };
        let routes = Router::new().route("/metrics", get(answer)).with_state(self);
        serve_plainly(listener, routes, &config, &stop).await;
    }

    async fn answer(&self) -> Response {
        let jobs = match &self.queue {
            Some(queue) => queue.counts().await.unwrap_or_else(|error| {
                warn!(%error, "could not count the jobs for /metrics");
                Vec::new()
            }),
            None => Vec::new(),
        };
        let readings = Readings {
            jobs,
            engine_threads: self.engine.threads(),
            engine_waiting: self.engine.waiting(),
            index_faces: self.index.as_ref().map_or(0, |index| index.size()),
        };
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ([(header::CONTENT_TYPE, content_type)], self.metrics.render(&readings)).into_response()
    }
}

/// The route `/metrics` for callers with the scope `admin`.
pub(super) fn guarded_routes(scrape: MetricsEndpoint, authenticator: Authenticator) -> Router {
    Router::new().route("/metrics", get(serve)).with_state((scrape, authenticator))
}

async fn serve(
    State((scrape, authenticator)): State<(MetricsEndpoint, Authenticator)>,
    request: Request,
) -> Result<Response, Refusal> {
    let caller = authenticator.by_request(request.headers(), request.extensions()).await?;
    if !caller.scopes.admin {
        return Err(lacks_scope("admin").into());
    }
    Ok(scrape.answer().await)
}
