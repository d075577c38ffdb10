//! GraphQL over HTTP: requests in by POST and GET, one answer, a batch or a stream of events out.

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request as GraphQlRequest, Response as GraphQlResponse};
use axum::extract::{FromRequestParts, Request, State, WebSocketUpgrade};
use axum::http::Method;
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::future::join_all;

use super::execute::Operation;
use super::format::{Accepted, Format};
use super::observe::Told;
use super::parameters::{self, Parameters};
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::router::Edge;
use super::sent::Sent;
use super::streams::TOO_MANY_STREAMS;
use super::{answer, websocket};
use crate::caller::Caller;
use crate::graphql::{ApiError, ErrorCode};
use crate::metrics::Transport;

/// Answers one HTTP request. A `GET` may also ask for a WebSocket.
pub(super) async fn serve(State(edge): State<Arc<Edge>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        return websocket::serve(edge, &parts, upgrade);
    }
    let (answered, format) = match Accepted::of(&parts.headers) {
        Ok(accepted) => {
            let answered = answer_to(&edge, Request::from_parts(parts, body), accepted).await;
            (answered, accepted.format.unwrap_or(Format::Json))
        }
        Err(refusal) => (Err(refusal), Format::Json),
    };
    answered.unwrap_or_else(|refusal| {
        edge.executor.refused(&Operation::default(), refusal.code());
        refusal.in_format(format)
    })
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
    let operation = edge.executor.operation(&mut request);
    if method == Method::GET && operation.is(OperationType::Mutation) {
        return Err(Refusal::new(ErrorCode::MethodNotAllowed, "send mutations by POST"));
    }
    let context = edge.request_context(caller.clone(), &id);
    let (mut answer, code) = match accepted.format {
        Some(format) if !operation.is(OperationType::Subscription) => {
            let (response, paid) = edge.executor.execute(&operation, request, context).await;
            let code = ErrorCode::of(&response);
            (answer::one(response, paid, tells_cost, format), code)
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
            let responses = edge.executor.follow(request, context, Transport::Events);
            // The stream holds its place to its end.
            (answer::events(responses.inspect(move |_| _ = &place), end), None)
        }
        _ => {
            let message = "a subscription needs a WebSocket, or Accept: text/event-stream";
            return Err(Refusal::new(ErrorCode::NotAcceptable, message));
        }
    };
    answer.extensions_mut().insert(Told { operation: Some(operation), code });
    Ok(answer)
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
        let operation = edge.executor.operation(&mut request);
        if operation.is(OperationType::Subscription) {
            let code = ErrorCode::BadUserInput;
            edge.executor.refused(&operation, code);
            let error = ApiError::new(code, "a batch takes no subscriptions").into_server_error();
            return GraphQlResponse::from_errors(vec![error]);
        }
        edge.executor.execute(&operation, request, edge.request_context(caller.clone(), id)).await.0
    });
    let responses = join_all(executed).await;
    let mut answer = answer::batch(&responses, format);
    // Of several operations, the metrics and the trace tell; the log, that there were some.
    let told = Told { operation: Some(Operation::batch()), code: responses.iter().find_map(ErrorCode::of) };
    answer.extensions_mut().insert(told);
    Ok(answer)
}
