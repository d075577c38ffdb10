//! What is said on a socket, by graphql-transport-ws.

use std::collections::HashMap;

use axum::extract::ws;
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::Answer;
use super::auth::bearer;
use super::refusal::Refusal;
use super::unread::{self, no_room};
use crate::graphql::ApiError;
use crate::shares::Held;

/// What a client's ping or pong has beside its payload: two bytes, and its mask.
const CONTROL_HEADER_BYTES: u64 = 6;

/// What a client says. Payloads are read once it is known what they are for.
pub(super) enum ClientMessage<'text> {
    ConnectionInit { payload: Option<&'text RawValue> },
    Ping { payload: Option<&'text RawValue> },
    Pong,
    Subscribe { id: String, payload: &'text RawValue },
    Complete { id: String },
}

/// A message as it is written.
#[derive(Deserialize)]
struct Message<'text> {
    r#type: Kind,
    id: Option<String>,
    #[serde(borrow)]
    payload: Option<&'text RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    ConnectionInit,
    Ping,
    Pong,
    Subscribe,
    Complete,
}

impl<'text> ClientMessage<'text> {
    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(text: &'text str) -> serde_json::Result<Self> {
        let Message { r#type, id, payload } = serde_json::from_str(text)?;
        let id = || id.ok_or_else(|| serde_json::Error::missing_field("id"));
        Ok(match r#type {
            Kind::ConnectionInit => Self::ConnectionInit { payload },
            Kind::Ping => Self::Ping { payload },
            Kind::Pong => Self::Pong,
            Kind::Subscribe => {
                let payload = payload.ok_or_else(|| serde_json::Error::missing_field("payload"))?;
                Self::Subscribe { id: id()?, payload }
            }
            Kind::Complete => Self::Complete { id: id()? },
        })
    }
}

/// A message about an operation that waits to be sent.
pub(super) struct Waiting {
    pub(super) text: String,
    /// Whether the operation ends with it.
    pub(super) is_last: bool,
    /// The message's room.
    _held: Held,
}

impl Waiting {
    /// An answer to the operation `id`, which counts as `held` until it is sent. One for which there is no room ends the
    /// operation.
    pub(super) fn of(id: &str, answer: &Answer, mut held: Held) -> Self {
        // An operation that was not executed ends with its errors: there is no `complete` then.
        if !answer.was_executed {
            let text = json!({ "id": id, "type": "error", "payload": answer.errors }).to_string();
            return Self { text, is_last: true, _held: held };
        }
        // The answer is JSON already, and may be long.
        let text = format!(r#"{{"id":{},"type":"next","payload":{}}}"#, Value::from(id), answer.json);
        match unread::hold(&mut held, text.len() as u64) {
            Ok(()) => Self { text, is_last: false, _held: held },
            Err(full) => Self::refusal(id, no_room(full), held),
        }
    }

    /// Says that the operation `id` has failed.
    pub(super) fn refusal(id: &str, refusal: Refusal, held: Held) -> Self {
        Self { text: refused(id, refusal), is_last: true, _held: held }
    }
}

/// Says that the operation `id` goes no further.
pub(super) fn refused(id: &str, refusal: Refusal) -> String {
    let errors = [ApiError::from(refusal).into_server_error()];
    json!({ "id": id, "type": "error", "payload": errors }).to_string()
}

/// Says that the operation `id` has ended.
pub(super) fn complete(id: &str) -> String {
    json!({ "id": id, "type": "complete" }).to_string()
}

/// The answer to a ping, with its payload.
#[derive(Serialize)]
struct Pong<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
}

/// Answers a ping with its payload.
pub(super) fn pong(payload: Option<&RawValue>) -> String {
    // What we say can always be written as JSON.
    serde_json::to_string(&Pong { r#type: "pong", payload }).unwrap_or_default()
}

/// How many bytes of what was read a message stands for. A ping may come between the frames of another message, which
/// are still unread then; behind a whole message there are none.
pub(super) fn on_the_wire(message: &ws::Message) -> u64 {
    match message {
        ws::Message::Ping(payload) | ws::Message::Pong(payload) => {
            CONTROL_HEADER_BYTES + payload.len() as u64
        }
        _ => u64::MAX,
    }
}

/// The key in the payload of `connection_init`, by the names of its headers.
pub(super) fn key_in(payload: &RawValue) -> Option<String> {
    let payload: HashMap<String, &RawValue> = serde_json::from_str(payload.get()).ok()?;
    let text = |wanted: &str| {
        let (_, value) = payload.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        serde_json::from_str::<String>(value.get()).ok()
    };
    text("x-api-key").or_else(|| text("authorization").and_then(|header| bearer(&header).map(str::to_owned)))
}
