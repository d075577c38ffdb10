//! HTTP, server-sent events, WebSockets and TLS, as clients use them.

mod connections;
mod graphiql;
mod http;
mod server_sent_events;
pub(crate) mod socket_limits;
pub(crate) mod socket_protocol;
mod tls;
