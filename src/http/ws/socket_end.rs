//! Close codes of sockets.
//!
//! | code | reason |
//! |---|---|
//! | 1001 | The server stops, or the client does not respond to pings. |
//! | 1009 | A message is too large. |
//! | 1013 | The server is overloaded, the key exceeds its upload rate, or the client did not read in time. |
//! | 4400 | Invalid message. |
//! | 4401 | Operation before `connection_init`. |
//! | 4403 | The key is invalid, or has been revoked or has expired. |
//! | 4406 | Unsupported subprotocol. |
//! | 4408 | `connection_init` did not arrive in time. |
//! | 4409 | An operation with this id is in progress. |
//! | 4429 | Second `connection_init`. |
//!
//! Clients reconnect after 1001 and 1013, but not after most other codes.

use std::io;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::time::timeout;
use tungstenite::Error;

use super::MAX_MESSAGE_BYTES;
use super::MAX_STRANGER_BYTES;
use crate::graphql::{ApiError, ErrorCode};
use crate::http::graphql::refusal::Refusal;
use crate::http::listener::account::TooMuch;
use crate::shares::Full;

/// Maximum length of a close reason, limited by the size of a control frame (RFC 6455).
const MAX_REASON_BYTES: usize = 123;

/// How long a client may take to read the close frame.
const LAST_WORD_TIME: Duration = Duration::from_secs(1);

/// The code and the reason of a close frame.
pub(in crate::http) struct Close {
    pub(in crate::http) code: u16,
    reason: String,
}

impl Close {
    pub(in crate::http) fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    pub(in crate::http) fn forbidden() -> Self {
        Self::new(4403, "Forbidden")
    }

    pub(in crate::http) fn stranger_says_too_much() -> Self {
        let reason = format!("before connection_ack a message has at most {MAX_STRANGER_BYTES} bytes");
        Self::new(1009, reason)
    }

    /// The close frame for a refusal: 4403 without a valid key, otherwise 1013, after which clients reconnect.
    pub(in crate::http) fn of_refusal(refusal: Refusal) -> Self {
        if refusal.code() == ErrorCode::Unauthenticated {
            return Self::forbidden();
        }
        Self::new(1013, ApiError::from(refusal).message)
    }

    /// Sends the close frame. Ignores failures, since the client may have disconnected or not be reading.
    pub(in crate::http) async fn tell(self, socket: &mut WebSocket) {
        let Self { code, reason } = self;
        let reason = &reason[..reason.floor_char_boundary(MAX_REASON_BYTES)];
        let frame = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        let _ = timeout(LAST_WORD_TIME, socket.send(frame)).await;
    }
}

/// How a socket ends.
pub(in crate::http) enum End {
    /// The server closes it.
    Close(Close),
    /// The client has closed it or disconnected.
    Gone,
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

/// An error of reading ends a socket.
impl From<axum::Error> for End {
    fn from(error: axum::Error) -> Self {
        match error.into_inner().downcast_ref() {
            Some(Error::Capacity(_)) => {
                Close::new(1009, format!("a message has at most {MAX_MESSAGE_BYTES} bytes")).into()
            }
            Some(Error::Io(error)) => Self::of_unread(error),
            _ => Self::Gone,
        }
    }
}

impl End {
    /// The end after an I/O error: exceeded limits are reported to the client, other errors mean that it disconnected.
    fn of_unread(error: &io::Error) -> Self {
        let Some(cause) = error.get_ref() else { return Self::Gone };
        match cause.downcast_ref::<Full>() {
            Some(full) => Close::new(1013, full.to_string()).into(),
            None if cause.is::<TooMuch>() => Close::stranger_says_too_much().into(),
            None => Self::Gone,
        }
    }
}
