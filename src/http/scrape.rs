//! `GET /metrics`, for Prometheus: to callers with the scope `admin`, or at an address of its own to everybody who reaches
//! it.

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
use super::listen::serve_plainly;
use super::refusal::Refusal;
use crate::graphql::lacks_scope;
use crate::index::VectorIndex;
use crate::inference::EmbeddedEncoder;
use crate::jobs::Queue;
use crate::metrics::{Metrics, Readings};

/// What `/metrics` needs. Cloning shares it.
#[derive(Clone)]
pub struct Scrape {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whose threads and waiting pictures are looked at.
    pub engine: EmbeddedEncoder,
    /// Whose jobs are counted, in a server that has any.
    pub queue: Option<Queue>,
    /// Whose faces are counted, in a server that has any.
    pub index: Option<Arc<dyn VectorIndex>>,
}

impl Scrape {
    /// For a server that has nothing but an engine.
    #[must_use]
    pub fn of_engine(engine: EmbeddedEncoder) -> Self {
        let metrics = Arc::new(Metrics::new(engine.metrics(), None));
        Self { metrics, engine, queue: None, index: None }
    }

    /// Answers whoever reaches `listener` until `stop`. There is nothing but metrics, and always by plain HTTP.
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

/// `/metrics` for callers with the scope `admin`.
pub(super) fn guarded_routes(scrape: Scrape, authenticator: Authenticator) -> Router {
    Router::new().route("/metrics", get(serve)).with_state((scrape, authenticator))
}

async fn serve(
    State((scrape, authenticator)): State<(Scrape, Authenticator)>,
    request: Request,
) -> Result<Response, Refusal> {
    let caller = authenticator.by_request(request.headers(), request.extensions()).await?;
    if !caller.scopes.admin {
        return Err(lacks_scope("admin").into());
    }
    Ok(scrape.answer().await)
}
