//! The routes, and the middleware that every request passes through.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};

use super::auth::Authenticator;
use super::auth::origin_guard::Allowed;
use super::auth::{cors, origin_guard};
use super::body::body_budget::BodyBudget;
use super::body::request_body::RequestBodies;
use super::edge::Edge;
use super::encoder_api::EncoderApi;
use super::files::{self, Files};
use super::metrics;
use super::metrics::MetricsEndpoint;
use super::request_log::observe;
use super::{HttpConfig, encoder_api, graphiql, health, over_http};
use crate::health::Health;
use crate::metrics::EdgeMetrics;
use crate::shares::SharedLimit;

/// Allowance for the other parts of a request to the encoding service, besides its image.
const ENVELOPE_BYTES: usize = 1 << 20;

/// The routes of the service.
pub fn router(edge: Edge, health: Health, scrape: MetricsEndpoint, config: &HttpConfig) -> Router {
    let (authenticator, metrics) = (edge.authenticator.clone(), edge.metrics.clone());
    let graphql = post(over_http::serve).get(over_http::serve).fallback(over_http::other_method);
    let files = Files { links: edge.links.clone(), blobs: health.blobs.clone(), audit: edge.audit.clone() };
    let routes = Router::new()
        .route("/graphql", graphql)
        .with_state(Arc::new(edge))
        .merge(Router::new().route("/files/{kind}/{name}", get(files::serve)).with_state(files))
        .merge(health_routes(health))
        .merge(metrics::guarded_routes(scrape, authenticator.clone()))
        .merge(if config.graphiql { graphiql::routes() } else { Router::new() });
    with_middleware(routes, &authenticator, metrics, config)
}

/// Wraps `routes` with the middleware of every request: request id, log line, metrics, CORS, the guard of hosts and
/// origins, and the size limit. Public for a benchmark of the middleware.
pub fn with_middleware(
    routes: Router,
    authenticator: &Authenticator,
    metrics: Arc<EdgeMetrics>,
    config: &HttpConfig,
) -> Router {
    // The last layer is the outermost: the id is assigned first, so that every refusal has one.
    guarded(routes.layer(DefaultBodyLimit::max(config.max_request_bytes)), authenticator, config)
        .layer(cors::layer(&config.allowed_origins))
        .layer(middleware::from_fn_with_state(metrics, observe))
}

/// The routes of `faceql encoder`, which uses the engine of `scrape`.
pub fn encoder_router(
    scrape: MetricsEndpoint,
    authenticator: &Authenticator,
    max_upload_bytes: u64,
    config: &HttpConfig,
) -> Router {
    let (encoder, metrics) = (scrape.engine.clone(), scrape.metrics.edge.clone());
    let body_limit = usize::try_from(max_upload_bytes).unwrap_or(usize::MAX).saturating_add(ENVELOPE_BYTES);
    let routes = Router::new()
        .route("/v1/selfie", post(encoder_api::encode))
        .with_state(EncoderApi {
            encoder,
            authenticator: authenticator.clone(),
            turns: SharedLimit::new(config.max_concurrent_requests as u64, config.shares),
            bodies: RequestBodies {
                budget: BodyBudget::new(config, body_limit),
                timeout: config.body_timeout,
                rates: None,
            },
        })
        .route("/health/live", get(health::live))
        .merge(metrics::guarded_routes(scrape, authenticator.clone()))
        .layer(DefaultBodyLimit::max(body_limit));
    guarded(routes, authenticator, config).layer(middleware::from_fn_with_state(metrics, observe))
}

fn health_routes(health: Health) -> Router {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .with_state(health)
}

fn guarded(routes: Router, authenticator: &Authenticator, config: &HttpConfig) -> Router {
    if config.answers_any_host {
        return routes;
    }
    let allowed = Allowed {
        authenticator: authenticator.clone(),
        hosts: config.allowed_hosts.clone(),
        origins: config.allowed_origins.clone(),
    };
    routes.layer(middleware::from_fn_with_state(Arc::new(allowed), origin_guard::check))
}
