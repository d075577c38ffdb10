//! What is said on a socket, by graphql-transport-ws.

use async_graphql::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Body, was_not_executed};
use super::auth::bearer;
use super::refusal::Refusal;
use super::unread::{self, no_room};
use crate::graphql::ApiError;
use crate::shares::Held;

/// What a client says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ClientMessage {
    ConnectionInit { payload: Option<Value> },
    Ping { payload: Option<Value> },
    Pong,
    Subscribe { id: String, payload: Value },
    Complete { id: String },
}

/// What the server says about an operation.
#[derive(Serialize)]
struct OperationMessage<'a> {
    id: &'a str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Body<'a>>,
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
    /// A response of the operation `id`, which counts as `held` until it is sent. One for which there is no room ends the
    /// operation.
    pub(super) fn of(id: &str, response: &Response, mut held: Held) -> Self {
        // An operation that was not executed ends with its errors: there is no `complete` then.
        if was_not_executed(response) {
            let text = json!({ "id": id, "type": "error", "payload": response.errors }).to_string();
            return Self { text, is_last: true, _held: held };
        }
        let text = text(&OperationMessage { id, r#type: "next", payload: Some(Body::of(response)) });
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
    text(&OperationMessage { id, r#type: "complete", payload: None })
}

fn text(message: &OperationMessage<'_>) -> String {
    // What we say can always be written as JSON.
    serde_json::to_string(message).unwrap_or_default()
}

/// The key in the payload of `connection_init`, by the names of its headers.
pub(super) fn key_in(payload: &Value) -> Option<&str> {
    let payload = payload.as_object()?;
    let text = |wanted: &str| {
        payload
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .and_then(|(_, value)| value.as_str())
    };
    text("x-api-key").or_else(|| text("authorization").and_then(bearer))
}
