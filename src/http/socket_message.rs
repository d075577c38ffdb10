//! What is said on a socket, by graphql-transport-ws.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Body;
use super::auth::bearer;

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
pub(super) struct OperationMessage<'a> {
    pub(super) id: &'a str,
    pub(super) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload: Option<Body<'a>>,
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
