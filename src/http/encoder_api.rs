//! `POST /v1/selfie`: takes an image and returns a vector for each face. With this API one FaceQL server can be the
//! encoding service of another.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::json;

use super::auth::Authenticator;
use super::body::form::{Form, content};
use super::body::request_body::RequestBodies;
use super::graphql::refusal::Refusal;
use crate::graphql::ErrorCode;
use crate::inference::{Client, EmbeddedEncoder, EncodeError};
use crate::shares::{Held, SharedLimit};

/// The state of the encoding service.
#[derive(Clone)]
pub(super) struct EncoderApi {
    pub(super) encoder: EmbeddedEncoder,
    pub(super) authenticator: Authenticator,
    /// Limits concurrently processed requests.
    pub(super) turns: SharedLimit,
    /// Receives bodies within their limits.
    pub(super) bodies: RequestBodies,
}

/// Encodes the image in the multipart field `file`. The response is `[[numbers], ...]`, largest face first.
pub(super) async fn encode(State(api): State<EncoderApi>, request: Request) -> Response {
    let (client, image, _turn, _held) = match api.take_in(request).await {
        Ok(taken_in) => taken_in,
        Err(refusal) => return refusal.in_short(),
    };
    match api.encoder.encode(&client, image).await {
        Ok(encodings) => {
            let vectors: Vec<_> = encodings.into_iter().map(|encoding| encoding.vector).collect();
            Json(vectors).into_response()
        }
        Err(EncodeError::Image(error)) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
        Err(EncodeError::Unavailable(_) | EncodeError::Refused(_)) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "the face engine is not available at the moment")
        }
    }
}

impl EncoderApi {
    /// Authenticates and receives a request. Returns the client, the image, and the request's turn and part of the
    /// budget, which it holds until the response.
    async fn take_in(&self, request: Request) -> Result<(Client, Bytes, Held, Held), Refusal> {
        let caller = self.authenticator.by_request(request.headers(), request.extensions()).await?;
        let (image, held) = self.bodies.receive(&caller, request, file).await?;
        let turn = self.turns.take(&caller.party(), 1)?;
        Ok((Client::from(&caller), image, turn, held))
    }
}

/// The bytes of the field `file`.
async fn file(request: Request) -> Result<Bytes, Refusal> {
    let mut form = Form::of(request).await?;
    while let Some(field) = form.next().await? {
        let is_file = field.name() == Some("file");
        // The middleware limits the body as a whole.
        let content = content(field, u64::MAX).await?;
        if is_file {
            return Ok(content);
        }
    }
    Err(Refusal::new(ErrorCode::BadUserInput, "there is no field 'file'"))
}

fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}
