//! WebSockets and streams of server-sent events: what stays open, and how much of it.

use std::time::Duration;

use super::refusal::Refusal;
use crate::config::{Setting, Settings};
use crate::graphql::ErrorCode;
use crate::shares::Full;

/// Why no further stream is opened.
pub(super) fn refusal(full: Full) -> Refusal {
    refusal_by(full, "as many sockets and streams are open as FACEQL_MAX_STREAMS allows; try again later")
}

/// Why no further socket is opened before others are acknowledged.
pub(super) fn unacknowledged_refusal(full: Full) -> Refusal {
    let message = "as many sockets wait for connection_init as FACEQL_MAX_UNACKNOWLEDGED_SOCKETS allows; try again later";
    refusal_by(full, message)
}

fn refusal_by(full: Full, when_all_are_open: &str) -> Refusal {
    match full {
        Full::All => Refusal::new(ErrorCode::Overloaded, when_all_are_open),
        share => share.into(),
    }
}

/// How much may stay open.
#[derive(Clone, Debug)]
pub struct StreamsConfig {
    /// Sockets and streams that are open at once, of callers who are known.
    pub max: usize,
    /// Sockets at once on which nobody has said yet who it is.
    pub max_unacknowledged: usize,
    /// What is granted to each socket.
    pub socket: SocketConfig,
}

/// What is granted to a socket.
#[derive(Clone, Debug)]
pub struct SocketConfig {
    /// How long a client may take to send `connection_init`.
    pub init_time: Duration,
    /// How often it is pinged.
    pub ping: Duration,
    /// How long a client may take to read one message.
    pub send_time: Duration,
    /// Operations at once.
    pub max_operations: usize,
}

impl StreamsConfig {
    pub(super) fn read(settings: &mut Settings) -> Self {
        let streams = Setting {
            name: "FACEQL_MAX_STREAMS",
            about: "WebSockets and streams of server-sent events that are open at once.",
        };
        let unacknowledged = Setting {
            name: "FACEQL_MAX_UNACKNOWLEDGED_SOCKETS",
            about: "WebSockets at once on which nobody has said yet who it is. They take none of the places above.",
        };
        Self {
            max: settings.number(streams, 20_000, 1..=10_000_000),
            max_unacknowledged: settings.number(unacknowledged, 4096, 1..=10_000_000),
            socket: SocketConfig::read(settings),
        }
    }
}

impl SocketConfig {
    fn read(settings: &mut Settings) -> Self {
        let init = Setting {
            name: "FACEQL_SOCKET_INIT_SECONDS",
            about: "How long a client may take to send connection_init on its WebSocket.",
        };
        let ping =
            Setting { name: "FACEQL_SOCKET_PING_SECONDS", about: "How often an open WebSocket is pinged." };
        let send = Setting {
            name: "FACEQL_SOCKET_SEND_SECONDS",
            about: "How long a client may take to read one message before its WebSocket is closed; less than \
                    FACEQL_SEND_TIMEOUT_SECONDS, if it is to be told why.",
        };
        let operations = Setting {
            name: "FACEQL_MAX_SOCKET_OPERATIONS",
            about: "Operations that one WebSocket may have at once.",
        };
        Self {
            init_time: settings.seconds(init, 10, 1..=600),
            ping: settings.seconds(ping, 20, 1..=3600),
            send_time: settings.seconds(send, 10, 1..=600),
            max_operations: settings.number(operations, 200, 1..=100_000),
        }
    }
}
