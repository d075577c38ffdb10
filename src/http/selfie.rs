//! `POST /v1/selfie`: an image in, a vector for each face out. With it, one FaceQL is another's encoding service.

use axum::extract::FromRequest;
use axum::extract::{Multipart, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

use super::auth::Authenticator;
use super::request_id::RequestId;
use crate::inference::{EmbeddedEncoder, EncodeError};

/// What the encoding service needs.
#[derive(Clone)]
pub(super) struct Selfie {
    pub(super) encoder: EmbeddedEncoder,
    pub(super) authenticator: Authenticator,
}

/// Encodes the image in the multipart field `file`; answers `[[numbers], ...]`, largest face first.
pub(super) async fn encode(
    State(selfie): State<Selfie>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Response {
    if selfie.authenticator.by_headers(request.headers(), &id).is_err() {
        return problem(StatusCode::UNAUTHORIZED, "a valid key is needed");
    }
    let Ok(mut multipart) = Multipart::from_request(request, &()).await else {
        return problem(StatusCode::BAD_REQUEST, "send multipart/form-data with a field 'file'");
    };
    let image = loop {
        match multipart.next_field().await {
            Ok(Some(field)) if field.name() == Some("file") => break field.bytes().await,
            Ok(Some(_)) => {}
            Ok(None) => return problem(StatusCode::BAD_REQUEST, "there is no field 'file'"),
            Err(error) => break Err(error),
        }
    };
    let image = match image {
        Ok(image) => image,
        Err(error) => return problem(error.status(), "the file is too large, or was cut off"),
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

fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}
