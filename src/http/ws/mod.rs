//! WebSockets: origin check, limits and negotiation of the subprotocol.

pub(super) mod message;
pub(super) mod socket_end;
mod transport;

use std::sync::Arc;

use axum::extract::WebSocketUpgrade;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use tracing::{Instrument, info_span};

use super::auth;
use super::auth::origin_guard::is_allowed_origin;
use super::edge::Edge;
use super::graphql::refusal::Refusal;
use super::listener::account::Account;
use super::request_id::RequestId;
use super::streams::unacknowledged_refusal;
use crate::graphql::ErrorCode;
use crate::shares::Party;
use socket_end::Close;
use transport::{Opening, SUBPROTOCOL, Socket};

/// Size of the read and write buffers of each socket; small, since most sockets are idle and most messages short.
const BUFFER_BYTES: usize = 4 << 10;
/// Maximum message size before authentication: enough for a key.
const MAX_STRANGER_BYTES: usize = 16 << 10;
/// Maximum message size: enough for documents, not for images.
pub(super) const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// Upgrades a request to a WebSocket and serves its operations.
pub(super) fn serve(edge: Arc<Edge>, parts: &Parts, upgrade: WebSocketUpgrade) -> Response {
    // CORS does not apply to WebSockets: browsers let any page open one, from its visitor's address.
    if !is_allowed_origin(&parts.headers, &edge.requests.allowed_origins) {
        let message =
            "web pages of other origins may not open a socket; FACEQL_ALLOWED_ORIGINS can allow them";
        return Refusal::new(ErrorCode::CsrfRefused, message).into_response();
    }
    let stranger = Party::address(auth::address(&parts.extensions));
    let place = match edge.unacknowledged.take(&stranger, 1) {
        Ok(place) => place,
        Err(full) => return unacknowledged_refusal(full).into_response(),
    };
    if let Some(account) = parts.extensions.get::<Account>() {
        account.limit(2 * MAX_STRANGER_BYTES as u64);
    }
    let id = RequestId::given(&parts.extensions);
    let opening = Opening::of(parts);
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    // A message may be a single frame, which is buffered completely before the message's size is checked.
    let upgrade = upgrade.max_message_size(MAX_MESSAGE_BYTES).max_frame_size(MAX_MESSAGE_BYTES);
    let upgrade = upgrade.read_buffer_size(BUFFER_BYTES).write_buffer_size(BUFFER_BYTES);
    upgrade.on_upgrade(move |mut socket| {
        let span = info_span!("socket", request.id = %id);
        async move {
            if socket.protocol().is_none_or(|protocol| protocol != SUBPROTOCOL) {
                return Close::new(4406, "Subprotocol not acceptable").tell(&mut socket).await;
            }
            transport::serve(Socket::new(socket, place, edge, opening)).await;
        }
        .instrument(span)
    })
}
