//! The HTTP edge: reads requests, authenticates them and passes them to the schema. Contains no domain logic.

mod auth;
mod body;
mod edge;
mod encoder_api;
mod files;
mod graphiql;
mod graphql;
mod health;
mod listener;
mod metrics;
mod over_http;
mod request_id;
mod request_log;
mod router;
mod streams;
mod ws;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use crate::settings::section;
use crate::shares::SharesConfig;

pub use auth::Authenticator;
pub use auth::configured_key::ApiKey;
pub use body::body_budget::BodyBudget;
pub use body::json::{JsonConfig, JsonLimits};
pub use body::multipart::read_form;
pub use body::parameters::{Parameters, RequestReader, read_json};
pub use body::persisted_documents::{Documents, DocumentsConfig};
pub use body::request_body::RequestBodies;
pub use edge::Edge;
pub use graphql::execute::Executor;
pub use listener::ConnectionsConfig;
pub use listener::server::{ServeError, serve};
pub use listener::tls::{TlsConfig, TlsError};
pub use metrics::MetricsEndpoint;
pub use router::{encoder_router, router, with_middleware};
pub use streams::{SocketConfig, StreamsConfig};

const SIXTY: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

section! {
    /// Listening addresses, keys and limits of the HTTP server.
    #[derive(Clone, Debug)]
    pub struct HttpConfig {
        /// Address and port to listen on.
        pub listen: SocketAddr = parsed(
            "FACEQL_LISTEN",
            LISTEN,
            &LISTEN.to_string(),
            "an address such as 127.0.0.1:8080",
            |text| text.parse().ok(),
        ),
        /// Address and port that serve /metrics without a key. Empty: only keys with the scope admin may read /metrics.
        pub metrics_listen: Option<SocketAddr> = parsed(
            "FACEQL_METRICS_LISTEN",
            None,
            "",
            "an address such as 127.0.0.1:9090",
            |text| text.parse().ok().map(Some),
        ),
        /// API keys, separated by commas: tenant:key or tenant:key:scopes. Scopes are read, write and admin, joined by +;
        /// a key without scopes has read+write. While there is no key, here or from `faceql keys create`, the server only
        /// listens on this machine.
        pub keys: Vec<ApiKey> = parsed("FACEQL_API_KEY", Vec::new(), "", EXPECTED_KEYS, ApiKey::parse_list),
        /// Listen on the network although there is no key. Everybody who reaches the server can then read and change
        /// everything.
        pub answers_any_host: bool = flag("FACEQL_ALLOW_ANONYMOUS", false),
        /// Further Host names to accept while there is no key, separated by commas.
        pub allowed_hosts: BTreeSet<String> = optional("FACEQL_ALLOWED_HOSTS") => list,
        /// Largest request body, in bytes, with all its files. Base64 makes a file a third larger.
        pub max_request_bytes: usize = number("FACEQL_MAX_REQUEST_BYTES", 67_108_864, 65_536..=4_294_967_295),
        /// The server's certificate. Without one it speaks plain HTTP.
        pub tls: Option<TlsConfig> = read_by(TlsConfig::read),
        /// Requests with an unknown key, or with none, that one address may send in a minute.
        pub failed_auth_per_minute: NonZeroU32 =
            number("FACEQL_AUTH_FAILURES_PER_MINUTE", SIXTY, NonZeroU32::MIN..=NonZeroU32::MAX),
        /// Limits and timeouts of connections.
        pub connections: ConnectionsConfig = section(),
        /// Requests that are answered at the same time.
        pub max_concurrent_requests: usize = number("FACEQL_MAX_CONCURRENT_REQUESTS", 256, 1..=100_000),
        /// Limits on open WebSockets and event streams.
        pub streams: StreamsConfig = section(),
        /// The share of each limit that one key, tenant or address may hold.
        pub shares: SharesConfig = section(),
        /// Limits on a request's JSON.
        pub json: JsonConfig = section(),
        /// Bytes that all requests, and all responses that clients have not read yet, may hold together. Further requests
        /// get OVERLOADED.
        pub max_bytes_in_flight: usize =
            number("FACEQL_MAX_BYTES_IN_FLIGHT", 1_073_741_824, 65_536..=1_099_511_627_776),
        /// How long a request may take to arrive, its images included.
        pub body_timeout: Duration = seconds("FACEQL_BODY_TIMEOUT_SECONDS", 60, 1..=3600),
        /// How long a query or a mutation may take before it gets TIMEOUT.
        pub request_timeout: Duration = seconds("FACEQL_REQUEST_TIMEOUT_SECONDS", 30, 1..=3600),
        /// Requests in one batch. 0: no batches.
        pub max_batch: usize = number("FACEQL_MAX_BATCH", 0, 0..=1000),
        /// Origins of web pages that may call the server, such as `https://app.example`, separated by commas. The server's
        /// own pages always may.
        pub allowed_origins: BTreeSet<String> = optional("FACEQL_ALLOWED_ORIGINS") => list,
        /// Whether GraphiQL, a page to explore the API, is served at /.
        pub graphiql: bool = flag("FACEQL_GRAPHIQL", true),
        /// How long work in progress may continue after SIGTERM.
        pub shutdown_grace: Duration = seconds("FACEQL_SHUTDOWN_GRACE_SECONDS", 25, 0..=3600),
    }
}

const EXPECTED_KEYS: &str = "tenant:key or tenant:key:scopes, separated by commas; tenants of a-z 0-9 - _, keys of 16 \
                             characters or more, each once; scopes read, write, admin, joined by +";

/// The server refuses to listen on the network without a key.
#[derive(Debug, thiserror::Error)]
#[error(
    "without an API key the server listens on loopback addresses only: create a key with `faceql keys create`, set \
     FACEQL_API_KEY, listen on 127.0.0.1, or set FACEQL_ALLOW_ANONYMOUS=true to let everyone on the network read and \
     change all data"
)]
pub struct NoKey;

impl HttpConfig {
    /// The URL scheme of the server, `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The limits on a request's JSON, including its total size.
    #[must_use]
    pub fn json_limits(&self) -> JsonLimits {
        let JsonConfig { bytes, values } = self.json;
        JsonLimits { request_bytes: self.max_request_bytes, bytes, values }
    }

    /// Checks that a server without keys is reachable only from its own machine, unless the configuration allows more.
    ///
    /// # Errors
    /// When it would be reachable from the network.
    pub fn check_reach(&self, asks_for_key: bool) -> Result<(), NoKey> {
        let is_fine = asks_for_key || self.answers_any_host || self.listen.ip().is_loopback();
        if is_fine { Ok(()) } else { Err(NoKey) }
    }
}

/// The items of a comma-separated list, in lower case and without trailing slashes.
fn list(text: Option<String>) -> BTreeSet<String> {
    let text = text.unwrap_or_default();
    let parts = text.split(',').map(|part| part.trim().trim_end_matches('/').to_lowercase());
    parts.filter(|part| !part.is_empty()).collect()
}
