//! State shared by the GraphQL transports: the executor, authentication, limits and the stop signal.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::auth::Authenticator;
use super::body::parameters::RequestReader;
use super::body::request_body::RequestBodies;
use super::graphql::execute::Executor;
use super::request_id::RequestId;
use super::streams::SocketConfig;
use crate::access::caller::Caller;
use crate::access::file_links::FileLinks;
use crate::access::rates::Rates;
use crate::audit::AuditLog;
use crate::graphql::{Domains, RequestContext};
use crate::metrics::EdgeMetrics;
use crate::shares::SharedLimit;

/// State shared by the GraphQL transports.
pub struct Edge {
    /// Executes operations.
    pub executor: Executor,
    /// Passed to the data loaders of each request.
    pub domains: Arc<Domains>,
    /// Authenticates callers by their keys.
    pub authenticator: Authenticator,
    /// Limits concurrently executed requests.
    pub turns: SharedLimit,
    /// Limits open WebSockets and event streams of authenticated callers.
    pub streams: SharedLimit,
    /// Limits open WebSockets on which no caller has been authenticated yet.
    pub unacknowledged: SharedLimit,
    /// Reads GraphQL requests from bodies and query strings.
    pub requests: RequestReader,
    /// Receives bodies within their limits.
    pub bodies: RequestBodies,
    /// Rate limits per key.
    pub rates: Rates,
    /// Limits and timeouts of each WebSocket.
    pub socket: SocketConfig,
    /// Creates and verifies signed links to files.
    pub links: FileLinks,
    /// Records what requests do.
    pub audit: AuditLog,
    /// Counts requests, operations and sockets.
    pub metrics: Arc<EdgeMetrics>,
    /// Cancelled when the server stops; ends the open streams and sockets.
    pub stop: CancellationToken,
}

impl Edge {
    /// The context of one request by `caller`, whose audit entries carry the request's id.
    pub(super) fn request_context(&self, caller: Caller, id: &RequestId) -> RequestContext {
        let party = caller.party();
        let trail = self.audit.trail(&caller.tenant, caller.actor.to_string(), id.to_string(), party);
        RequestContext::new(Caller { trail, ..caller }, self.domains.clone())
    }
}
