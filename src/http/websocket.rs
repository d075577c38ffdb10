//! WebSockets: who may open one, and which protocol is spoken on it.

use std::sync::Arc;

use axum::extract::WebSocketUpgrade;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use tracing::{Instrument, info_span};

use super::account::Account;
use super::auth;
use super::host::is_allowed_origin;
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::router::Edge;
use super::socket_end::Close;
use super::streams::unacknowledged_refusal;
use super::transport_ws::{self, MAX_STRANGER_BYTES, Opening, SUBPROTOCOL, Socket};
use crate::graphql::ErrorCode;
use crate::shares::Party;

/// What is held of each socket for reading and for writing: most of them are idle, and most messages small.
const BUFFER_BYTES: usize = 4 << 10;
/// Largest message from a client: documents, not images.
pub(super) const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// Serves the operations of one socket.
pub(super) fn serve(edge: Arc<Edge>, parts: &Parts, upgrade: WebSocketUpgrade) -> Response {
    // Browsers let any page open a socket, and send its visitor's cookies and address along.
    if !is_allowed_origin(&parts.headers, &edge.allowed_origins) {
        let message =
            "a web page of another origin may not open a socket here; FACEQL_ALLOWED_ORIGINS can let it";
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
    // A message may be one frame, which is gathered whole before its message's size is looked at.
    let upgrade = upgrade.max_message_size(MAX_MESSAGE_BYTES).max_frame_size(MAX_MESSAGE_BYTES);
    let upgrade = upgrade.read_buffer_size(BUFFER_BYTES).write_buffer_size(BUFFER_BYTES);
    upgrade.on_upgrade(move |mut socket| {
        let span = info_span!("socket", request.id = %id);
        async move {
            if socket.protocol().is_none_or(|protocol| protocol != SUBPROTOCOL) {
                return Close::new(4406, "Subprotocol not acceptable").tell(&mut socket).await;
            }
            transport_ws::serve(Socket::new(socket, place, edge, opening)).await;
        }
        .instrument(span)
    })
}
