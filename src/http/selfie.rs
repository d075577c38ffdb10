//! `POST /v1/selfie`: an image in, a vector for each face out. With it, one FaceQL is another's encoding service.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::json;

use super::auth::Authenticator;
use super::form::{Form, content};
use super::refusal::Refusal;
use super::room::Room;
use crate::inference::{Client, EmbeddedEncoder, EncodeError};
use crate::shares::{Held, Party, SharedLimit};

/// What the encoding service needs.
#[derive(Clone)]
pub(super) struct Selfie {
    pub(super) encoder: EmbeddedEncoder,
    pub(super) authenticator: Authenticator,
    /// How many requests are answered at once.
    pub(super) turns: SharedLimit,
    /// What all requests together may hold.
    pub(super) room: Room,
    /// How long a request may take to arrive.
    pub(super) body_timeout: Duration,
}

/// Encodes the image in the multipart field `file`; answers `[[numbers], ...]`, largest face first.
pub(super) async fn encode(State(selfie): State<Selfie>, request: Request) -> Response {
    let (client, image, _turn, _room) = match selfie.take_in(request).await {
        Ok(taken_in) => taken_in,
        Err(response) => return response,
    };
    match selfie.encoder.encode(&client, image).await {
        Ok(encodings) => {
            let vectors: Vec<_> = encodings.into_iter().map(|encoding| encoding.vector).collect();
            Json(vectors).into_response()
        }
        Err(EncodeError::Image(error)) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
        Err(EncodeError::Unavailable(_) | EncodeError::Refused(_)) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "the engine does not work at the moment")
        }
    }
}

impl Selfie {
    /// Who sent a request and its image, with the turn and the room that the request has until it is answered.
    async fn take_in(&self, request: Request) -> Result<(Client, Bytes, Held, Held), Response> {
        let (headers, extensions) = (request.headers(), request.extensions());
        let caller = self.authenticator.by_request(headers, extensions).await.map_err(Refusal::in_short)?;
        let party = Party::caller(&caller);
        let (arrival, request) = self.room.enter(&party, request).map_err(Refusal::in_short)?;
        let read = tokio::time::timeout(self.body_timeout, file(request)).await;
        let room = arrival.end().map_err(Refusal::in_short)?;
        let late = |_| problem(StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time");
        let image = read.map_err(late)??;
        let turn = self.turns.take(&party, 1).map_err(|full| Refusal::from(full).in_short())?;
        Ok((Client::from(&caller), image, turn, room))
    }
}

/// The bytes of the field `file`.
async fn file(request: Request) -> Result<Bytes, Response> {
    let mut form = Form::of(request).await.map_err(Refusal::in_short)?;
    while let Some(field) = form.next().await.map_err(Refusal::in_short)? {
        let is_file = field.name() == Some("file");
        // How long a request may be as a whole is said to its body.
        let content = content(field, u64::MAX).await.map_err(Refusal::in_short)?;
        if is_file {
            return Ok(content);
        }
    }
    Err(problem(StatusCode::BAD_REQUEST, "there is no field 'file'"))
}

fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}
