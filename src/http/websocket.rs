//! Subscriptions over WebSocket, by the graphql-transport-ws protocol.

use async_graphql::http::ALL_WEBSOCKET_PROTOCOLS;
use async_graphql::{Data, Error};
use async_graphql_axum::{GraphQLProtocol, GraphQLWebSocket};
use axum::Extension;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tracing::{Instrument, info_span};

use super::auth::bearer;
use super::graphql::no_websocket;
use super::request_id::RequestId;
use super::router::Edge;

/// Largest message from a client: documents, not images.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// Serves the operations of one socket.
pub(super) async fn serve(
    State(edge): State<Edge>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    protocol: Result<GraphQLProtocol, StatusCode>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let (Ok(protocol), Ok(upgrade)) = (protocol, upgrade) else {
        return no_websocket().await.into_response();
    };
    let upgrade = upgrade.protocols(ALL_WEBSOCKET_PROTOCOLS).max_message_size(MAX_MESSAGE_BYTES);
    upgrade.on_upgrade(move |socket| {
        let (span, stop) = (info_span!("socket", request.id = %id), edge.stop.clone());
        let schema = edge.schema.clone();
        let authenticate = move |init: Value| async move { data(&edge, &headers, &init) };
        let serving =
            GraphQLWebSocket::new(socket, schema, protocol).on_connection_init(authenticate).serve();
        async move {
            tokio::select! {
                () = serving => {}
                () = stop.cancelled() => {}
            }
        }
        .instrument(span)
    })
}

/// The key may come with the upgrade request or, from browsers, in the payload of `connection_init`.
fn data(edge: &Edge, headers: &HeaderMap, init: &Value) -> Result<Data, Error> {
    let caller = match key_in(init) {
        Some(key) => edge.authenticator.by_key(Some(key)),
        None => edge.authenticator.by_headers(headers),
    };
    let caller = caller.map_err(|_| Error::new("a valid API key is needed"))?;
    let mut data = Data::default();
    data.insert(edge.request_context(caller));
    Ok(data)
}

fn key_in(init: &Value) -> Option<&str> {
    let init = init.as_object()?;
    let text = |wanted: &str| {
        init.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).and_then(|(_, value)| value.as_str())
    };
    text("x-api-key").or_else(|| text("authorization").and_then(bearer))
}
