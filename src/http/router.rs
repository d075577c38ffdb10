//! Which path leads where, and what every request passes on its way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};
use tokio_util::sync::CancellationToken;

use super::auth::Authenticator;
use super::documents::Documents;
use super::execute::Executor;
use super::files::{self, Files};
use super::host::Allowed;
use super::json::JsonLimits;
use super::observe::observe;
use super::request_id::RequestId;
use super::room::Room;
use super::scrape::{self, Scrape};
use super::selfie::Selfie;
use super::streams::SocketConfig;
use super::{HttpConfig, cors, graphiql, graphql, health, host, selfie};
use crate::audit::AuditLog;
use crate::caller::Caller;
use crate::files::FileLinks;
use crate::graphql::{Domains, Limits, RequestContext};
use crate::health::Health;
use crate::metrics::EdgeMetrics;
use crate::rates::Rates;
use crate::shares::{Party, SharedLimit};

/// Room for the other parts of a request to the encoding service, beside its image.
const ENVELOPE_BYTES: usize = 1 << 20;

/// What the edge needs of the house.
pub struct Edge {
    /// Executes operations.
    pub executor: Executor,
    /// For the loaders of each request.
    pub domains: Arc<Domains>,
    /// Tells callers by their keys.
    pub authenticator: Authenticator,
    /// How many requests are answered at once.
    pub turns: SharedLimit,
    /// How many sockets and streams of events are open at once, of callers who are known.
    pub streams: SharedLimit,
    /// How many sockets are open at once on which nobody has said yet who it is.
    pub unacknowledged: SharedLimit,
    /// Which document a request means.
    pub documents: Documents,
    /// What every key has left.
    pub rates: Rates,
    /// What all requests, and answers that wait to be read, may hold together.
    pub room: Room,
    /// How long a request may take to arrive.
    pub body_timeout: Duration,
    /// Requests that one body may hold; 0 takes no batches.
    pub max_batch: usize,
    /// Origins of web pages that may speak to the server, beside its own.
    pub allowed_origins: BTreeSet<String>,
    /// What is granted to each socket.
    pub socket: SocketConfig,
    /// What is refused for being too much.
    pub limits: Limits,
    /// What JSON a request may hold.
    pub json: JsonLimits,
    /// Which file a link is for.
    pub links: FileLinks,
    /// Where is noted what requests do.
    pub audit: AuditLog,
    /// What is counted here.
    pub metrics: Arc<EdgeMetrics>,
    /// Ends the open sockets.
    pub stop: CancellationToken,
}

impl Edge {
    /// The context of one request by `caller`, who leaves its trail under the request's id.
    pub(super) fn request_context(&self, caller: Caller, id: &RequestId) -> RequestContext {
        let party = Party::caller(&caller);
        let trail = self.audit.trail(&caller.tenant, caller.actor.to_string(), id.to_string(), party);
        RequestContext::new(Caller { trail, ..caller }, self.domains.clone())
    }
}

/// The routes of the service.
pub fn router(edge: Edge, health: Health, scrape: Scrape, config: &HttpConfig) -> Router {
    let (authenticator, metrics) = (edge.authenticator.clone(), edge.metrics.clone());
    let graphql = post(graphql::serve).get(graphql::serve).fallback(graphql::other_method);
    let files = Files { links: edge.links.clone(), blobs: health.blobs.clone(), audit: edge.audit.clone() };
    let routes = Router::new()
        .route("/graphql", graphql)
        .with_state(Arc::new(edge))
        .merge(Router::new().route("/files/{kind}/{name}", get(files::serve)).with_state(files))
        .merge(health_routes(health))
        .merge(scrape::guarded_routes(scrape, authenticator.clone()))
        .merge(if config.graphiql { graphiql::routes() } else { Router::new() });
    with_middleware(routes, &authenticator, metrics, config)
}

/// `routes` behind what every request passes on its way: its id, its line in the log, its part of the metrics, CORS, the
/// guard of hosts and origins, and the limit of its size. For a benchmark of what the rest costs, too.
pub fn with_middleware(
    routes: Router,
    authenticator: &Authenticator,
    metrics: Arc<EdgeMetrics>,
    config: &HttpConfig,
) -> Router {
    // Outermost last: the id comes first, so that every refusal has one.
    guarded(routes.layer(DefaultBodyLimit::max(config.max_request_bytes)), authenticator, config)
        .layer(cors::layer(&config.allowed_origins))
        .layer(middleware::from_fn_with_state(metrics, observe))
}

/// The routes of `faceql encoder`, which encodes with the engine of `scrape`.
pub fn encoder_router(
    scrape: Scrape,
    authenticator: &Authenticator,
    max_upload_bytes: u64,
    config: &HttpConfig,
) -> Router {
    let (encoder, metrics) = (scrape.engine.clone(), scrape.metrics.edge.clone());
    let body_limit = usize::try_from(max_upload_bytes).unwrap_or(usize::MAX).saturating_add(ENVELOPE_BYTES);
    let routes = Router::new()
        .route("/v1/selfie", post(selfie::encode))
        .with_state(Selfie {
            encoder,
            authenticator: authenticator.clone(),
            turns: SharedLimit::new(config.max_concurrent_requests as u64, config.shares),
            room: Room::new(config, body_limit),
            body_timeout: config.body_timeout,
        })
        .route("/health/live", get(health::live))
        .merge(scrape::guarded_routes(scrape, authenticator.clone()))
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
    routes.layer(middleware::from_fn_with_state(Arc::new(allowed), host::check))
}
