//! `POST /v1/selfie`: an image in, a vector for each face out. With it, one FaceQL is another's encoding service.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::FromRequest;
use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::json;
use tokio::sync::Semaphore;

use super::auth::Authenticator;
use crate::inference::{EmbeddedEncoder, EncodeError};

/// What the encoding service needs.
#[derive(Clone)]
pub(super) struct Selfie {
    pub(super) encoder: EmbeddedEncoder,
    pub(super) authenticator: Authenticator,
    /// How many requests are answered at once.
    pub(super) turns: Arc<Semaphore>,
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
        return problem(StatusCode::SERVICE_UNAVAILABLE, "the server has too much to do; try again later");
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
    let broken = |error: MultipartError| problem(error.status(), "the file is too large, or was cut off");
    let Ok(mut multipart) = Multipart::from_request(request, &()).await else {
        return Err(problem(StatusCode::BAD_REQUEST, "send multipart/form-data with a field 'file'"));
    };
    while let Some(field) = multipart.next_field().await.map_err(broken)? {
        if field.name() == Some("file") {
            return field.bytes().await.map_err(broken);
        }
    }
    Err(problem(StatusCode::BAD_REQUEST, "there is no field 'file'"))
}

fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}
