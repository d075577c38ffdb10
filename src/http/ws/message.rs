//! The messages of graphql-transport-ws.

use std::collections::HashMap;

use axum::extract::ws;
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::graphql::ApiError;
use crate::http::auth::bearer;
use crate::http::body::unread_responses;
use crate::http::body::unread_responses::no_room;
use crate::http::graphql::answer::Answer;
use crate::http::graphql::refusal::Refusal;
use crate::shares::Held;

/// The header of a client's ping or pong frame: two bytes and the mask.
const CONTROL_HEADER_BYTES: u64 = 6;

/// A message from a client. Payloads are parsed later, depending on their use.
pub(in crate::http) enum ClientMessage<'text> {
    ConnectionInit { payload: Option<&'text RawValue> },
    Ping { payload: Option<&'text RawValue> },
    Pong,
    Subscribe { id: String, payload: &'text RawValue },
    Complete { id: String },
}

/// The JSON form of a message.
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
    /// Parses a message.
    ///
    /// # Errors
    /// When it is malformed or lacks a field that its type requires.
    pub(in crate::http) fn read(text: &'text str) -> serde_json::Result<Self> {
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

/// A message of an operation that waits to be sent.
pub(in crate::http) struct Waiting {
    pub(in crate::http) text: String,
    /// Whether the operation ends with this message.
    pub(in crate::http) is_last: bool,
    /// The message's part of the memory budget.
    _held: Held,
}

impl Waiting {
    /// A response to the operation `id`, which counts as `held` until it is sent. If it exceeds the budget, the
    /// operation ends with an error.
    pub(in crate::http) fn of(id: &str, answer: &Answer, mut held: Held) -> Self {
        // An operation that was not executed ends with `error` instead of `complete`.
        if !answer.was_executed {
            let text = json!({ "id": id, "type": "error", "payload": answer.errors }).to_string();
            return Self { text, is_last: true, _held: held };
        }
        // Formatted by hand: the response is JSON already and may be long.
        let text = format!(r#"{{"id":{},"type":"next","payload":{}}}"#, Value::from(id), answer.json);
        match unread_responses::hold(&mut held, text.len() as u64) {
            Ok(()) => Self { text, is_last: false, _held: held },
            Err(full) => Self::refusal(id, no_room(full), held),
        }
    }

    /// The message that ends the operation `id` with an error.
    pub(in crate::http) fn refusal(id: &str, refusal: Refusal, held: Held) -> Self {
        Self { text: refused(id, refusal), is_last: true, _held: held }
    }
}

/// The `error` message for the operation `id`.
pub(in crate::http) fn refused(id: &str, refusal: Refusal) -> String {
    let errors = [ApiError::from(refusal).into_server_error()];
    json!({ "id": id, "type": "error", "payload": errors }).to_string()
}

/// The `complete` message for the operation `id`.
pub(in crate::http) fn complete(id: &str) -> String {
    json!({ "id": id, "type": "complete" }).to_string()
}

/// The JSON form of a pong.
#[derive(Serialize)]
struct Pong<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
}

/// The response to a ping, with the ping's payload.
pub(in crate::http) fn pong(payload: Option<&RawValue>) -> String {
    // Serializing this type cannot fail.
    serde_json::to_string(&Pong { r#type: "pong", payload }).unwrap_or_default()
}

/// The bytes on the connection that a message accounts for. A ping may arrive between the frames of another message,
/// which are still unread then; after a complete message no bytes are unread.
pub(in crate::http) fn on_the_wire(message: &ws::Message) -> u64 {
    match message {
        ws::Message::Ping(payload) | ws::Message::Pong(payload) => {
            CONTROL_HEADER_BYTES + payload.len() as u64
        }
        _ => u64::MAX,
    }
}

/// The key in the payload of `connection_init`, whose fields are named like the HTTP headers.
pub(in crate::http) fn key_in(payload: &RawValue) -> Option<String> {
    let payload: HashMap<String, &RawValue> = serde_json::from_str(payload.get()).ok()?;
    let text = |wanted: &str| {
        let (_, value) = payload.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        serde_json::from_str::<String>(value.get()).ok()
    };
    text("x-api-key").or_else(|| text("authorization").and_then(|header| bearer(&header).map(str::to_owned)))
}
