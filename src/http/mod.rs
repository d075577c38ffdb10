//! The edge: reads requests, authenticates them, hands them to the schema. Knows no domain.

mod account;
mod answer;
mod auth;
mod configured_key;
mod connections;
mod cors;
mod documents;
mod execute;
mod files;
mod form;
mod format;
mod graphiql;
mod graphql;
mod health;
mod host;
mod json;
mod listen;
mod multipart;
mod observe;
mod parameters;
mod refusal;
mod request_id;
mod room;
mod router;
mod scrape;
mod selfie;
mod sent;
mod socket_end;
mod socket_message;
mod strangers;
mod streams;
mod tls;
mod transport_ws;
mod unread;
mod variables;
mod websocket;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::config::{Setting, Settings};
use crate::shares::SharesConfig;

pub use auth::Authenticator;
pub use configured_key::ApiKey;
pub use connections::ConnectionsConfig;
pub use documents::{Documents, DocumentsConfig};
pub use execute::Executor;
pub use json::JsonLimits;
pub use listen::{ServeError, serve};
pub use multipart::read_form;
pub use parameters::{Parameters, read_json};
pub use room::Room;
pub use router::{Edge, encoder_router, router, with_middleware};
pub use scrape::Scrape;
pub use streams::{SocketConfig, StreamsConfig};
pub use tls::{TlsConfig, TlsError};

const SIXTY: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);

/// The listening address, keys and limits of the HTTP side.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Where it tells its metrics without asking for a key.
    pub metrics_listen: Option<SocketAddr>,
    /// The server's certificate; without one it speaks plain HTTP.
    pub tls: Option<TlsConfig>,
    /// Keys that let in; with none, and none in the database, everybody on this machine is let in.
    pub keys: Vec<ApiKey>,
    /// How often in a minute one address may come without a key that is known.
    pub strangers_per_minute: NonZeroU32,
    /// Names by which the server may be addressed while it asks for no key.
    pub allowed_hosts: BTreeSet<String>,
    /// Whether it listens to the network without a key, by whatever name.
    pub answers_any_host: bool,
    /// What is granted to connections.
    pub connections: ConnectionsConfig,
    /// Requests being answered at once.
    pub max_concurrent_requests: usize,
    /// Largest request, all its files and base64 together.
    pub max_request_bytes: usize,
    /// What JSON a request may hold.
    pub json: JsonLimits,
    /// What all requests together may hold at once, in bytes.
    pub max_bytes_in_flight: usize,
    /// How long a request may take to arrive.
    pub body_timeout: Duration,
    /// How long a query or a mutation may take.
    pub request_timeout: Duration,
    /// Requests that one body may hold; 0 takes no batches.
    pub max_batch: usize,
    /// Origins of web pages that may speak to the server, beside its own.
    pub allowed_origins: BTreeSet<String>,
    /// Whether GraphiQL is served at `/`.
    pub graphiql: bool,
    /// What may stay open.
    pub streams: StreamsConfig,
    /// How much of each limit one key, tenant or address may hold.
    pub shares: SharesConfig,
    /// How long running work may go on after SIGTERM.
    pub shutdown_grace: Duration,
}

impl HttpConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let listen = Setting { name: "FACEQL_LISTEN", about: "Address and port to listen on." };
        let metrics_listen = Setting {
            name: "FACEQL_METRICS_LISTEN",
            about: "Address and port at which /metrics needs no key; unset: it is told to keys with the scope admin \
                    alone.",
        };
        let keys = Setting {
            name: "FACEQL_API_KEY",
            about: "Keys that let in, as tenant:key or tenant:key:scopes (read, write, admin, joined by +; read+write \
                    when left out), separated by commas. With none, and none made by `faceql keys create`, only this \
                    machine is listened to.",
        };
        let strangers = Setting {
            name: "FACEQL_AUTH_FAILURES_PER_MINUTE",
            about: "How often in a minute one address may come without a key that is known.",
        };
        let anonymous = Setting {
            name: "FACEQL_ALLOW_ANONYMOUS",
            about: "true: listen to the network although there is no key.",
        };
        let hosts = Setting {
            name: "FACEQL_ALLOWED_HOSTS",
            about: "Further Host names to answer to while there is no key, separated by commas.",
        };
        let requests =
            Setting { name: "FACEQL_MAX_CONCURRENT_REQUESTS", about: "Requests being answered at once." };
        let bytes = Setting {
            name: "FACEQL_MAX_REQUEST_BYTES",
            about: "Largest request, in bytes, all its files together; base64 makes four bytes of three.",
        };
        let in_flight = Setting {
            name: "FACEQL_MAX_BYTES_IN_FLIGHT",
            about: "Bytes that all requests and the answers that wait to be read may hold together; what arrives beyond \
                    is answered by OVERLOADED.",
        };
        let body = Setting {
            name: "FACEQL_BODY_TIMEOUT_SECONDS",
            about: "How long a request, its image included, may take to arrive.",
        };
        let timeout = Setting {
            name: "FACEQL_REQUEST_TIMEOUT_SECONDS",
            about: "How long a query or a mutation may take before it is answered by TIMEOUT.",
        };
        let batch = Setting {
            name: "FACEQL_MAX_BATCH",
            about: "Requests that one body may hold as a list; 0 takes no lists.",
        };
        let origins = Setting {
            name: "FACEQL_ALLOWED_ORIGINS",
            about: "Origins of web pages that may speak to the server, as in https://app.example, separated by \
                    commas; its own may always.",
        };
        let graphiql = Setting {
            name: "FACEQL_GRAPHIQL",
            about: "Whether GraphiQL, a page to try out the API, is at /.",
        };
        let grace = Setting {
            name: "FACEQL_SHUTDOWN_GRACE_SECONDS",
            about: "How long running work may go on after SIGTERM.",
        };
        let (default, expected) =
            (SocketAddr::from(([127, 0, 0, 1], 8080)), "an address such as 127.0.0.1:8080");
        let listen =
            settings.parsed(listen, default, &default.to_string(), expected, |text| text.parse().ok());
        let expected = "an address such as 127.0.0.1:9090";
        let metrics_listen =
            settings.parsed(metrics_listen, None, "", expected, |text| text.parse().ok().map(Some));
        let expected = "tenant:key or tenant:key:scopes, separated by commas; tenants of a-z 0-9 - _, keys of 16 \
                        characters or more, each once; scopes read, write, admin, joined by +";
        let keys = settings.parsed(keys, Vec::new(), "", expected, ApiKey::parse_list);
        let anonymous = settings.flag(anonymous, false);
        let hosts = settings.optional(hosts);
        let max_request_bytes = settings.number(bytes, 67_108_864, 65_536..=4_294_967_295);
        Self {
            listen,
            metrics_listen,
            tls: TlsConfig::read(settings),
            keys,
            strangers_per_minute: settings.number(strangers, SIXTY, NonZeroU32::MIN..=NonZeroU32::MAX),
            answers_any_host: anonymous,
            allowed_hosts: list(hosts),
            connections: ConnectionsConfig::read(settings),
            max_concurrent_requests: settings.number(requests, 256, 1..=100_000),
            streams: StreamsConfig::read(settings),
            shares: SharesConfig::read(settings),
            max_request_bytes,
            json: JsonLimits::read(settings, max_request_bytes),
            max_bytes_in_flight: settings.number(in_flight, 1_073_741_824, 65_536..=1_099_511_627_776),
            body_timeout: settings.seconds(body, 60, 1..=3600),
            request_timeout: settings.seconds(timeout, 30, 1..=3600),
            max_batch: settings.number(batch, 0, 0..=1000),
            allowed_origins: list(settings.optional(origins)),
            graphiql: settings.flag(graphiql, true),
            shutdown_grace: settings.seconds(grace, 25, 0..=3600),
        }
    }
}

/// Why a server does not listen.
#[derive(Debug, thiserror::Error)]
#[error(
    "without a key only a loopback address may be listened on: make one by `faceql keys create` or set FACEQL_API_KEY, \
     listen on 127.0.0.1, or set FACEQL_ALLOW_ANONYMOUS=true if everybody on the network may see and change everything"
)]
pub struct NoKey;

impl HttpConfig {
    /// What addresses of the server begin with.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Sees that a server that asks for no key is reached from its own machine alone, unless it was told otherwise.
    ///
    /// # Errors
    /// When others could reach it.
    pub fn check_reach(&self, asks_for_key: bool) -> Result<(), NoKey> {
        let is_fine = asks_for_key || self.answers_any_host || self.listen.ip().is_loopback();
        if is_fine { Ok(()) } else { Err(NoKey) }
    }
}

/// What is separated by commas, in lower case.
fn list(text: Option<String>) -> BTreeSet<String> {
    let text = text.unwrap_or_default();
    let parts = text.split(',').map(|part| part.trim().trim_end_matches('/').to_lowercase());
    parts.filter(|part| !part.is_empty()).collect()
}
