//! GraphQL responses as HTTP answers: one, a batch, or a stream of events.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
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
use crate::graphql::{ApiError, ErrorCode, RETRY_AFTER_MS, Written};
use crate::rates::Left;

/// A response as JSON, and what went wrong.
pub(super) struct Answer {
    pub(super) json: String,
    pub(super) errors: Vec<ServerError>,
    /// The first error's.
    pub(super) code: Option<ErrorCode>,
    /// Whether the document got as far as its first field: an error in a field has a path.
    pub(super) was_executed: bool,
}

impl Answer {
    /// `response`, or the refusal of one that has more than `max_bytes` as JSON.
    pub(super) fn of(response: GraphQlResponse, max_bytes: usize) -> Self {
        match json(&response, max_bytes) {
            Some(json) => Self {
                json,
                code: ErrorCode::of(&response),
                was_executed: was_executed(&response),
                errors: response.errors,
            },
            None => ApiError::response_too_large(max_bytes).into(),
        }
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        let response = GraphQlResponse::from_errors(vec![error.into_server_error()]);
        Self {
            json: json(&response, usize::MAX).unwrap_or_default(),
            code: ErrorCode::of(&response),
            was_executed: false,
            errors: response.errors,
        }
    }
}

fn was_executed(response: &GraphQlResponse) -> bool {
    response.data != Value::Null
        || response.errors.is_empty()
        || response.errors.iter().any(|error| !error.path.is_empty())
}

/// A response as it is written. A request that was not executed has no `data`, which is not the same as null.
#[derive(Serialize)]
struct Body<'response> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Written<'response>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'response [ServerError],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'response BTreeMap<String, Value>,
}

/// `None` when it has more than `max_bytes`. What is in a response can always be written as JSON.
fn json(response: &GraphQlResponse, max_bytes: usize) -> Option<String> {
    let GraphQlResponse { data, errors, extensions, .. } = response;
    let data = was_executed(response).then_some(Written(data));
    let mut writer = Bounded { written: Vec::new(), left: max_bytes };
    serde_json::to_writer(&mut writer, &Body { data, errors, extensions }).ok()?;
    String::from_utf8(writer.written).ok()
}

/// Takes so many bytes and fails at the next.
struct Bounded {
    written: Vec<u8>,
    left: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The answer to one request, with what its key has left. In the newer format its status tells what became of the request.
pub(super) fn one(Executed { answer, left }: Executed, format: Format) -> Response {
    let Answer { json, errors, code, was_executed } = answer;
    let refused = code.filter(|_| !was_executed);
    let status = match refused {
        // Clients back off by it in either format.
        Some(code @ ErrorCode::RateLimited) => refusal::status(code),
        Some(code) if format == Format::Response => refusal::status(code),
        _ => StatusCode::OK,
    };
    let mut answer = with_type(status, json, format);
    tell_left(answer.headers_mut(), left);
    if let Some(wait) = refused.and_then(|_| wait(&errors)) {
        answer.headers_mut().insert(header::RETRY_AFTER, refusal::whole_seconds(wait));
    }
    answer
}

/// How long a request that was refused for its rate has to wait.
fn wait(errors: &[ServerError]) -> Option<Duration> {
    match errors.first()?.extensions.as_ref()?.get(RETRY_AFTER_MS)? {
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
    let answers: Vec<&str> = executed.iter().map(|executed| executed.answer.json.as_str()).collect();
    let mut answer = with_type(StatusCode::OK, format!("[{}]", answers.join(",")), format);
    let lefts = executed.iter().filter_map(|executed| executed.left);
    tell_left(answer.headers_mut(), lefts.min_by_key(|left| left.remaining));
    answer
}

/// The answer to a query or a mutation as the only event of a stream.
pub(super) fn only_event(Executed { answer, left }: Executed) -> Response {
    let mut answer = events(once(answer), std::future::pending());
    tell_left(answer.headers_mut(), left);
    answer
}

/// Answers as they come until `end`, by the distinct connections mode of graphql-sse: `next` for each, then `complete`.
/// A server that ends it leaves that out: the client takes it for a lost connection then, and asks again.
pub(super) fn events(
    answers: impl Stream<Item = Answer> + Send + 'static,
    end: impl Future<Output = ()> + Send + 'static,
) -> Response {
    let next = answers.map(|answer| Event::default().event("next").data(answer.json));
    let complete = once(Event::default().event("complete").data(""));
    let events = next.chain(complete).take_until(end).map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    // Proxies that gather what they pass on would hold back events.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn with_type(status: StatusCode, body: String, format: Format) -> Response {
    (status, [(header::CONTENT_TYPE, format.content_type())], body).into_response()
}
