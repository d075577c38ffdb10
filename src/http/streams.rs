//! WebSockets and streams of server-sent events: what stays open, and how much of it.

use std::time::Duration;

use crate::config::{Setting, Settings};

/// Why no further stream is opened.
pub(super) const TOO_MANY_STREAMS: &str =
    "as many sockets and streams are open as FACEQL_MAX_STREAMS allows; try again later";

/// How much may stay open.
#[derive(Clone, Debug)]
pub struct StreamsConfig {
    /// Sockets and streams that are open at once.
    pub max: usize,
    /// How often an open socket is pinged.
    pub ping: Duration,
    /// Operations at once on one socket.
    pub max_operations: usize,
}

impl StreamsConfig {
    pub(super) fn read(settings: &mut Settings) -> Self {
        let streams = Setting {
            name: "FACEQL_MAX_STREAMS",
            about: "WebSockets and streams of server-sent events that are open at once.",
        };
        let ping =
            Setting { name: "FACEQL_SOCKET_PING_SECONDS", about: "How often an open WebSocket is pinged." };
        let operations = Setting {
            name: "FACEQL_MAX_SOCKET_OPERATIONS",
            about: "Operations that one WebSocket may have at once.",
        };
        Self {
            max: settings.number(streams, 20_000, 1..=10_000_000),
            ping: settings.seconds(ping, 20, 1..=3600),
            max_operations: settings.number(operations, 200, 1..=100_000),
        }
    }
}
