//! How a socket ends, and what the client is told then.
//!
//! | code | why |
//! |---|---|
//! | 1001 | The server stops, or the client answers no pings. |
//! | 1009 | A message has too many bytes. |
//! | 1013 | Not now: the server has too much to do, the key has sent too much, or the client did not read in time. |
//! | 4400 | A message that the protocol does not have. |
//! | 4401 | An operation before `connection_init`. |
//! | 4403 | No valid key, or one that is valid no more. |
//! | 4406 | Another protocol. |
//! | 4408 | `connection_init` did not come in time. |
//! | 4409 | An operation has this id already. |
//! | 4429 | A second `connection_init`. |
//!
//! The reserved codes are given for nothing else: clients try again after 1001 and 1013, and not after most of the others.

use std::io;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::time::timeout;
use tungstenite::Error;

use super::account::TooMuch;
use super::refusal::Refusal;
use super::transport_ws::MAX_STRANGER_BYTES;
use super::websocket::MAX_MESSAGE_BYTES;
use crate::graphql::{ApiError, ErrorCode};
use crate::shares::Full;

/// Bytes that a reason may have: a control frame has room for no more.
const MAX_REASON_BYTES: usize = 123;

/// How long a client may take to read why it is closed.
const LAST_WORD_TIME: Duration = Duration::from_secs(1);

/// Why a socket is closed: the code and the reason of its last frame.
pub(super) struct Close {
    pub(super) code: u16,
    reason: String,
}

impl Close {
    pub(super) fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    pub(super) fn forbidden() -> Self {
        Self::new(4403, "Forbidden")
    }

    pub(super) fn stranger_says_too_much() -> Self {
        let reason = format!("before connection_ack a message has at most {MAX_STRANGER_BYTES} bytes");
        Self::new(1009, reason)
    }

    /// For one who is not let in. Who may come again later is told so.
    pub(super) fn of_refusal(refusal: Refusal) -> Self {
        if refusal.code() == ErrorCode::Unauthenticated {
            return Self::forbidden();
        }
        Self::new(1013, ApiError::from(refusal).message)
    }

    /// Tells the client, who may be gone already or not read this either.
    pub(super) async fn tell(self, socket: &mut WebSocket) {
        let Self { code, reason } = self;
        let reason = &reason[..reason.floor_char_boundary(MAX_REASON_BYTES)];
        let frame = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        let _ = timeout(LAST_WORD_TIME, socket.send(frame)).await;
    }
}

/// How a socket ends.
pub(super) enum End {
    /// We close it.
    Close(Close),
    /// The client has closed it, or is gone.
    Gone,
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

/// What could not be read ends a socket.
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
    /// Why nothing more of a message was read, or that the client is gone.
    fn of_unread(error: &io::Error) -> Self {
        let Some(cause) = error.get_ref() else { return Self::Gone };
        match cause.downcast_ref::<Full>() {
            Some(full) => Close::new(1013, full.to_string()).into(),
            None if cause.is::<TooMuch>() => Close::stranger_says_too_much().into(),
            None => Self::Gone,
        }
    }
}
