//! GraphQL responses as HTTP answers: one, a batch, or a stream of events.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use async_graphql::{Response as GraphQlResponse, ServerError, Value};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};
use serde::Serialize;
use tokio_stream::once;

use super::execute::Executed;
use super::format::Format;
use super::refusal;
use crate::graphql::{ErrorCode, RETRY_AFTER_MS, Written};
use crate::rates::Left;

/// A response as it is written. A request that was not executed has no `data`, which is not the same as null.
#[derive(Serialize)]
pub(super) struct Body<'response> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Written<'response>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'response [ServerError],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'response BTreeMap<String, Value>,
}

impl<'response> Body<'response> {
    pub(super) fn of(response: &'response GraphQlResponse) -> Self {
        let GraphQlResponse { data, errors, extensions, .. } = response;
        Self { data: (!was_not_executed(response)).then_some(Written(data)), errors, extensions }
    }
}

/// Whether the document did not get as far as its first field: an error in a field has a path.
pub(super) fn was_not_executed(response: &GraphQlResponse) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// A response as JSON.
pub(super) fn body(response: &GraphQlResponse) -> Vec<u8> {
    // What is in a response can always be written as JSON.
    serde_json::to_vec(&Body::of(response)).unwrap_or_default()
}

/// The answer to one request, with what its key has left. In the newer format its status tells what became of the request.
pub(super) fn one(Executed { response, left }: Executed, format: Format) -> Response {
    let refused = ErrorCode::of(&response).filter(|_| was_not_executed(&response));
    let status = match refused {
        // Clients back off by it in either format.
        Some(code @ ErrorCode::RateLimited) => refusal::status(code),
        Some(code) if format == Format::Response => refusal::status(code),
        _ => StatusCode::OK,
    };
    let mut answer = with_type(status, body(&response), format);
    tell_left(answer.headers_mut(), left);
    if let Some(wait) = refused.and_then(|_| wait(&response)) {
        answer.headers_mut().insert(header::RETRY_AFTER, refusal::whole_seconds(wait));
    }
    answer
}

/// How long a request that was refused for its rate has to wait.
fn wait(response: &GraphQlResponse) -> Option<Duration> {
    match response.errors.first()?.extensions.as_ref()?.get(RETRY_AFTER_MS)? {
        Value::Number(milliseconds) => milliseconds.as_u64().map(Duration::from_millis),
        _ => None,
    }
}

/// As the fields `RateLimit-Policy` and `RateLimit` have it (draft-ietf-httpapi-ratelimit-headers-10).
fn tell_left(headers: &mut HeaderMap, left: Option<Left>) {
    let Some(Left { burst, window, remaining }) = left else { return };
    let seconds = window.as_secs().max(1);
    let fields = [
        ("ratelimit-policy", format!(r#""cost";q={burst};w={seconds}"#)),
        ("ratelimit", format!(r#""cost";r={remaining};t={seconds}"#)),
    ];
    for (name, value) in fields {
        headers.extend(HeaderValue::try_from(value).ok().map(|value| (HeaderName::from_static(name), value)));
    }
}

/// The answers to a batch, in its order, with what its key has left after all of them.
pub(super) fn batch(executed: &[Executed], format: Format) -> Response {
    let bodies: Vec<Body<'_>> = executed.iter().map(|executed| Body::of(&executed.response)).collect();
    let mut answer = with_type(StatusCode::OK, serde_json::to_vec(&bodies).unwrap_or_default(), format);
    let lefts = executed.iter().filter_map(|executed| executed.left);
    tell_left(answer.headers_mut(), lefts.min_by_key(|left| left.remaining));
    answer
}

/// The answer to a query or a mutation as the only event of a stream.
pub(super) fn only_event(Executed { response, left }: Executed) -> Response {
    let mut answer = events(once(response), std::future::pending());
    tell_left(answer.headers_mut(), left);
    answer
}

/// Responses as they come until `end`, by the distinct connections mode of graphql-sse: `next` for each, then `complete`.
/// A server that ends it leaves that out: the client takes it for a lost connection then, and asks again.
pub(super) fn events(
    responses: impl Stream<Item = GraphQlResponse> + Send + 'static,
    end: impl Future<Output = ()> + Send + 'static,
) -> Response {
    let next = responses.map(|response| {
        let text = String::from_utf8(body(&response)).unwrap_or_default();
        Event::default().event("next").data(text)
    });
    let complete = once(Event::default().event("complete").data(""));
    let events = next.chain(complete).take_until(end).map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    // Proxies that gather what they pass on would hold back events.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn with_type(status: StatusCode, body: Vec<u8>, format: Format) -> Response {
    (status, [(header::CONTENT_TYPE, format.content_type())], body).into_response()
}
