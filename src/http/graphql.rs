//! GraphQL over HTTP: requests in by POST and GET, one answer, a batch or a stream of events out.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::{DocumentOperations, OperationType};
use async_graphql::{Request as GraphQlRequest, Response as GraphQlResponse};
use axum::extract::{FromRequestParts, Request, State, WebSocketUpgrade};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::future::join_all;

use super::format::{Accepted, Format};
use super::parameters::{self, Parameters};
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::router::Edge;
use super::sent::Sent;
use super::websocket::TOO_MANY_STREAMS;
use super::{answer, websocket};
use crate::caller::Caller;
use crate::graphql::{ApiError, Bill, ErrorCode};

/// Answers one HTTP request. A `GET` may also ask for a WebSocket.
pub(super) async fn serve(State(edge): State<Arc<Edge>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        return websocket::serve(edge, &parts, upgrade);
    }
    let accepted = match Accepted::of(&parts.headers) {
        Ok(accepted) => accepted,
        Err(refusal) => return refusal.into_response(),
    };
    let answered = answer_to(&edge, Request::from_parts(parts, body), accepted).await;
    answered.unwrap_or_else(|refusal| refusal.in_format(accepted.format.unwrap_or(Format::Json)))
}

/// Anything but `GET` and `POST`.
pub(super) async fn other_method() -> Refusal {
    Refusal::new(ErrorCode::MethodNotAllowed, "send requests by POST, or queries by GET")
}

async fn answer_to(edge: &Edge, request: Request, accepted: Accepted) -> Result<Response, Refusal> {
    let caller = edge.authenticator.by_request(request.headers(), request.extensions()).await?;
    let tells_cost = request.headers().get("x-graphql-cost").is_some_and(|wanted| wanted == "1");
    let _turn = edge
        .turns
        .try_acquire()
        .map_err(|_| Refusal::new(ErrorCode::Overloaded, "the server has too much to do; try again later"))?;
    let _room = edge.room.enter(request.headers())?;
    let (method, id) = (request.method().clone(), RequestId::given(request.extensions()));
    let (sent, request) = Sent::of(&edge.rates, caller.actor, request)?;
    // A body that trickles in would hold its turn for ever.
    let reading = tokio::time::timeout(edge.body_timeout, parameters::read(edge, request));
    let late = |_| Refusal::new(ErrorCode::Timeout, "the request did not arrive in time");
    let parameters = reading.await.map_err(late)??;
    sent.settle(&edge.rates)?;
    match parameters {
        Parameters::One(request) => {
            let asked = Asked { id, method, tells_cost, accepted };
            one(edge, &caller, *request, asked).await
        }
        Parameters::Batch(requests) => batch(edge, &caller, &id, requests, accepted).await,
    }
}

/// How a request was asked.
struct Asked {
    id: RequestId,
    method: Method,
    /// Whether the response is to say what the request cost.
    tells_cost: bool,
    accepted: Accepted,
}

async fn one(
    edge: &Edge,
    caller: &Caller,
    mut request: GraphQlRequest,
    Asked { id, method, tells_cost, accepted }: Asked,
) -> Result<Response, Refusal> {
    let kind = operation_type(&mut request);
    if method == Method::GET && kind == Some(OperationType::Mutation) {
        return Err(Refusal::new(ErrorCode::MethodNotAllowed, "send mutations by POST"));
    }
    let bill = Bill::default();
    let request = request.data(edge.request_context(caller.clone(), &id).billed(bill.clone()));
    match accepted.format {
        Some(format) if kind != Some(OperationType::Subscription) => {
            let response = execute(edge, request).await;
            Ok(answer::one(response, bill.paid(), tells_cost, format))
        }
        _ if accepted.events => {
            let place = edge.streams.clone().try_acquire_owned();
            let place = place.map_err(|_| Refusal::new(ErrorCode::Overloaded, TOO_MANY_STREAMS))?;
            let (stop, over) = (edge.stop.clone(), caller.over.clone());
            let end = async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = over.cancelled() => {}
                }
            };
            let responses = edge.schema.execute_stream(request);
            // The stream holds its place to its end.
            Ok(answer::events(responses.inspect(move |_| _ = &place), end))
        }
        _ => {
            let message = "a subscription needs a WebSocket, or Accept: text/event-stream";
            Err(Refusal::new(ErrorCode::NotAcceptable, message))
        }
    }
}

async fn batch(
    edge: &Edge,
    caller: &Caller,
    id: &RequestId,
    requests: Vec<GraphQlRequest>,
    accepted: Accepted,
) -> Result<Response, Refusal> {
    let Some(format) = accepted.format else {
        return Err(Refusal::new(ErrorCode::NotAcceptable, "a batch is answered by JSON, not by events"));
    };
    let executed = requests.into_iter().map(|mut request| async {
        if operation_type(&mut request) == Some(OperationType::Subscription) {
            let message = "a batch takes no subscriptions";
            return GraphQlResponse::from_errors(vec![refused(ErrorCode::BadUserInput, message)]);
        }
        execute(edge, request.data(edge.request_context(caller.clone(), id))).await
    });
    Ok(answer::batch(&join_all(executed).await, format))
}

/// Executes a query or a mutation, within the time that a request may take.
async fn execute(edge: &Edge, request: GraphQlRequest) -> GraphQlResponse {
    within(edge.request_timeout, edge.schema.execute(request)).await
}

/// Gives up after `limit`. Nothing that a mutation did is written then, unless it was committed already.
pub(super) async fn within(
    limit: Duration,
    execution: impl Future<Output = GraphQlResponse>,
) -> GraphQlResponse {
    tokio::time::timeout(limit, execution).await.unwrap_or_else(|_| {
        let message =
            "the request took longer than FACEQL_REQUEST_TIMEOUT_SECONDS; ask for less, or again later";
        GraphQlResponse::from_errors(vec![refused(ErrorCode::Timeout, message)])
    })
}

fn refused(code: ErrorCode, message: &str) -> async_graphql::ServerError {
    ApiError::new(code, message).into_server_error()
}

/// What the request would do; `None` when it cannot be told, and executing it says why.
pub(super) fn operation_type(request: &mut GraphQlRequest) -> Option<OperationType> {
    let name = request.operation_name.clone();
    let operations = &request.parsed_query().ok()?.operations;
    let operation = match (operations, name) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name.as_str())?,
        (DocumentOperations::Multiple(operations), None) => operations.values().next()?,
    };
    Some(operation.node.ty)
}
