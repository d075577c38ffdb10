//! GraphQL over HTTP: JSON and multipart in, JSON out.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::multipart;
use super::refusal::Refusal;
use super::router::Edge;
use crate::graphql::ErrorCode;

/// Answers one request.
pub(super) async fn answer(State(edge): State<Edge>, request: Request) -> Result<Response, Refusal> {
    let caller = edge.authenticator.by_headers(request.headers())?;
    let _turn = edge
        .turns
        .try_acquire()
        .map_err(|_| Refusal::new(ErrorCode::Overloaded, "the server has too much to do; try again later"))?;
    // A body that trickles in would hold its turn for ever.
    let reading = tokio::time::timeout(edge.body_timeout, read(&edge, request));
    let late = |_| Refusal::new(ErrorCode::Timeout, "the request did not arrive in time");
    let request = reading.await.map_err(late)??.data(edge.request_context(caller));
    Ok(Json(edge.schema.execute(request).await).into_response())
}

/// `GET` is for WebSockets alone.
pub(super) async fn no_websocket() -> Refusal {
    Refusal::new(ErrorCode::MethodNotAllowed, "send queries by POST; GET is for WebSockets")
}

async fn read(edge: &Edge, request: Request) -> Result<async_graphql::Request, Refusal> {
    match media_type(request.headers()).as_str() {
        "application/json" => {
            let body =
                Bytes::from_request(request, &()).await.map_err(|error| too_large_or_broken(&error))?;
            serde_json::from_slice(&body).map_err(|error| {
                Refusal::new(ErrorCode::BadUserInput, format!("the body is no GraphQL request: {error}"))
            })
        }
        "multipart/form-data" => {
            let multipart = Multipart::from_request(request, &())
                .await
                .map_err(|error| Refusal::new(ErrorCode::BadUserInput, error.body_text()))?;
            multipart::read(multipart, edge.limits.max_upload_bytes).await
        }
        _ => {
            let message = "send application/json, or multipart/form-data with files";
            Err(Refusal::new(ErrorCode::UnsupportedMediaType, message))
        }
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn too_large_or_broken(error: &axum::extract::rejection::BytesRejection) -> Refusal {
    if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        Refusal::new(
            ErrorCode::PayloadTooLarge,
            "the request has more bytes than FACEQL_MAX_REQUEST_BYTES allows",
        )
    } else {
        Refusal::new(ErrorCode::BadUserInput, "the request was cut off")
    }
}
