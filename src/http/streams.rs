//! Limits on open WebSockets and server-sent event streams.

use std::time::Duration;

use super::graphql::refusal::Refusal;
use crate::graphql::ErrorCode;
use crate::settings::section;
use crate::shares::Full;

/// The refusal of a further stream.
pub(super) fn refusal(full: Full) -> Refusal {
    refusal_by(full, "the limit FACEQL_MAX_STREAMS on open sockets and streams is reached; try again later")
}

/// The refusal of a further socket without an authenticated caller.
pub(super) fn unacknowledged_refusal(full: Full) -> Refusal {
    let message =
        "the limit FACEQL_MAX_UNACKNOWLEDGED_SOCKETS on sockets without a caller is reached; try again later";
    refusal_by(full, message)
}

fn refusal_by(full: Full, when_all_are_open: &str) -> Refusal {
    match full {
        Full::All => Refusal::new(ErrorCode::Overloaded, when_all_are_open),
        share => share.into(),
    }
}

section! {
    /// Limits on open WebSockets and event streams.
    #[derive(Clone, Debug)]
    pub struct StreamsConfig {
        /// Open WebSockets and event streams of authenticated callers.
        pub max: usize = number("FACEQL_MAX_STREAMS", 20_000, 1..=10_000_000),
        /// Open WebSockets on which no caller has been authenticated yet. They do not count towards `FACEQL_MAX_STREAMS`.
        pub max_unacknowledged: usize = number("FACEQL_MAX_UNACKNOWLEDGED_SOCKETS", 4096, 1..=10_000_000),
        /// Limits and timeouts of each WebSocket.
        pub socket: SocketConfig = section(),
    }
}

section! {
    /// Limits and timeouts of a WebSocket.
    #[derive(Clone, Debug)]
    pub struct SocketConfig {
        /// How long a client may take to send `connection_init` on its WebSocket.
        pub init_time: Duration = seconds("FACEQL_SOCKET_INIT_SECONDS", 10, 1..=600),
        /// Interval between pings on an open WebSocket.
        pub ping: Duration = seconds("FACEQL_SOCKET_PING_SECONDS", 20, 1..=3600),
        /// How long a client may take to read one message before its WebSocket is closed. Keep it below
        /// `FACEQL_SEND_TIMEOUT_SECONDS`, or the client is not told why.
        pub send_time: Duration = seconds("FACEQL_SOCKET_SEND_SECONDS", 10, 1..=600),
        /// Operations in progress on one WebSocket.
        pub max_operations: usize = number("FACEQL_MAX_SOCKET_OPERATIONS", 200, 1..=100_000),
    }
}
