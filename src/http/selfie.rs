//! `POST /v1/selfie`: an image in, a vector for each face out. With it, one FaceQL is another's encoding service.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::json;
use tokio::sync::Semaphore;

use super::auth::Authenticator;
use super::form::{Form, content};
use super::refusal::Refusal;
use super::room::Room;
use crate::graphql::ApiError;
use crate::inference::{EmbeddedEncoder, EncodeError};

/// What the encoding service needs.
#[derive(Clone)]
pub(super) struct Selfie {
    pub(super) encoder: EmbeddedEncoder,
    pub(super) authenticator: Authenticator,
    /// How many requests are answered at once.
    pub(super) turns: Arc<Semaphore>,
    /// What all requests together may hold.
    pub(super) room: Room,
    /// How long a request may take to arrive.
    pub(super) body_timeout: Duration,
}

/// Encodes the image in the multipart field `file`; answers `[[numbers], ...]`, largest face first.
pub(super) async fn encode(State(selfie): State<Selfie>, request: Request) -> Response {
    let (headers, extensions) = (request.headers(), request.extensions());
    if let Err(refusal) = selfie.authenticator.by_request(headers, extensions).await {
        return refusal.in_short();
    }
    let Ok(_turn) = selfie.turns.try_acquire() else {
        return Refusal::from(ApiError::overloaded()).in_short();
    };
    let _room = match selfie.room.enter(request.headers()) {
        Ok(room) => room,
        Err(refusal) => return refusal.in_short(),
    };
    let image = match tokio::time::timeout(selfie.body_timeout, file(request)).await {
        Ok(Ok(image)) => image,
        Ok(Err(refusal)) => return refusal,
        Err(_) => return problem(StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time"),
    };
    match selfie.encoder.encode(image).await {
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
