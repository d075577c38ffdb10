//! Writes GraphQL responses as HTTP responses: a single one, a batch, or an event stream.

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

use super::format::Format;
use super::status::{status_of, whole_seconds};
use crate::access::rates::RateLimitState;
use crate::graphql::{ApiError, ErrorCode, RETRY_AFTER_MS, Written};

/// A GraphQL response as JSON, with its errors.
pub(in crate::http) struct Answer {
    pub(in crate::http) json: String,
    pub(in crate::http) errors: Vec<ServerError>,
    /// The code of the first error.
    pub(in crate::http) code: Option<ErrorCode>,
    /// Whether execution began, as opposed to a request error: it has data, or an error with a path.
    pub(in crate::http) was_executed: bool,
}

impl Answer {
    /// Writes `response`, or an error in its place when it has more than `max_bytes` as JSON.
    pub(in crate::http) fn of(response: GraphQlResponse, max_bytes: usize) -> Self {
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

/// The result of a query or a mutation.
pub(in crate::http) struct Executed {
    pub(in crate::http) answer: Answer,
    /// The state of the key's rate limit, if there is one.
    pub(in crate::http) left: Option<RateLimitState>,
}

impl From<ApiError> for Executed {
    fn from(error: ApiError) -> Self {
        Self { answer: error.into(), left: None }
    }
}

fn was_executed(response: &GraphQlResponse) -> bool {
    response.data != Value::Null
        || response.errors.is_empty()
        || response.errors.iter().any(|error| !error.path.is_empty())
}

/// The serialized response. If the request was not executed, `data` is absent, which differs from null.
#[derive(Serialize)]
struct Body<'response> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Written<'response>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'response [ServerError],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'response BTreeMap<String, Value>,
}

/// `None` when the JSON has more than `max_bytes`, the only way in which serialization can fail.
fn json(response: &GraphQlResponse, max_bytes: usize) -> Option<String> {
    let GraphQlResponse { data, errors, extensions, .. } = response;
    let data = was_executed(response).then_some(Written(data));
    let mut writer = Bounded { written: Vec::new(), left: max_bytes };
    serde_json::to_writer(&mut writer, &Body { data, errors, extensions }).ok()?;
    String::from_utf8(writer.written).ok()
}

/// A writer that fails when more than `left` bytes are written.
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

/// The HTTP response to one request, with the key's rate limit. `application/graphql-response+json` has a status that
/// depends on the outcome, `application/json` is always 200 except for rate limits.
pub(in crate::http) fn one(Executed { answer, left }: Executed, format: Format) -> Response {
    let Answer { json, errors, code, was_executed } = answer;
    let refused = code.filter(|_| !was_executed);
    let status = match refused {
        // Clients back off on this status in either format.
        Some(code @ ErrorCode::RateLimited) => status_of(code),
        Some(code) if format == Format::Response => status_of(code),
        _ => StatusCode::OK,
    };
    let mut answer = with_type(status, json, format);
    tell_left(answer.headers_mut(), left);
    if let Some(wait) = refused.and_then(|_| wait(&errors)) {
        answer.headers_mut().insert(header::RETRY_AFTER, whole_seconds(wait));
    }
    answer
}

/// The waiting time of a request that was refused by a rate limit.
fn wait(errors: &[ServerError]) -> Option<Duration> {
    match errors.first()?.extensions.as_ref()?.get(RETRY_AFTER_MS)? {
        Value::Number(milliseconds) => milliseconds.as_u64().map(Duration::from_millis),
        _ => None,
    }
}

/// Sets `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).
fn tell_left(headers: &mut HeaderMap, left: Option<RateLimitState>) {
    let Some(RateLimitState { burst, window, remaining }) = left else { return };
    let seconds = window.as_secs().max(1);
    let fields = [
        ("ratelimit-policy", format!(r#""cost";q={burst};w={seconds}"#)),
        ("ratelimit", format!(r#""cost";r={remaining};t={seconds}"#)),
    ];
    for (name, value) in fields {
        headers.extend(HeaderValue::try_from(value).ok().map(|value| (HeaderName::from_static(name), value)));
    }
}

/// The HTTP response to a batch, in its order, with the key's rate limit after all of them.
pub(in crate::http) fn batch(executed: &[Executed], format: Format) -> Response {
    let answers: Vec<&str> = executed.iter().map(|executed| executed.answer.json.as_str()).collect();
    let mut answer = with_type(StatusCode::OK, format!("[{}]", answers.join(",")), format);
    let lefts = executed.iter().filter_map(|executed| executed.left);
    tell_left(answer.headers_mut(), lefts.min_by_key(|left| left.remaining));
    answer
}

/// The response to a query or a mutation as the only event of a stream.
pub(in crate::http) fn only_event(Executed { answer, left }: Executed) -> Response {
    let mut answer = events(once(answer), std::future::pending());
    tell_left(answer.headers_mut(), left);
    answer
}

/// Streams responses until `end`, in the distinct connections mode of graphql-sse: `next` for each, then `complete`.
/// When `end` ends the stream, `complete` is omitted, so that the client treats it as a lost connection and retries.
pub(in crate::http) fn events(
    answers: impl Stream<Item = Answer> + Send + 'static,
    end: impl Future<Output = ()> + Send + 'static,
) -> Response {
    let next = answers.map(|answer| Event::default().event("next").data(answer.json));
    let complete = once(Event::default().event("complete").data(""));
    let events = next.chain(complete).take_until(end).map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    // Tells proxies not to buffer, which would delay events.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn with_type(status: StatusCode, body: String, format: Format) -> Response {
    (status, [(header::CONTENT_TYPE, format.content_type())], body).into_response()
}
