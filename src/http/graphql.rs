//! GraphQL over HTTP: requests in by POST and GET, one answer, a batch or a stream of events out.

use std::sync::Arc;

use async_graphql::Request as GraphQlRequest;
use async_graphql::parser::types::OperationType;
use axum::extract::{FromRequestParts, Request, State, WebSocketUpgrade};
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::future::join_all;

use super::execute::{Executed, Operation, Terms};
use super::format::{Accepted, Format};
use super::observe::Told;
use super::parameters::{self, Parameters};
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::router::Edge;
use super::sent::Sent;
use super::{answer, streams, unread, websocket};
use crate::caller::Caller;
use crate::graphql::{ApiError, ErrorCode};
use crate::metrics::Transport;
use crate::shares::Party;

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
    let party = Party::caller(&caller);
    let (is_safe, id) = (request.method().is_safe(), RequestId::given(request.extensions()));
    let (arrival, request) = edge.room.enter(&party, request)?;
    let (sent, request) = Sent::of(&edge.rates, caller.actor, request)?;
    let read = tokio::time::timeout(edge.body_timeout, parameters::read(edge, request)).await;
    // What was sent counts, whatever it was.
    sent.settle(&edge.rates)?;
    let room = arrival.end()?;
    let late = |_| Refusal::new(ErrorCode::Timeout, "the request did not arrive in time");
    let parameters = read.map_err(late)??;
    // Not before: a request that trickles in would keep a turn from others.
    let _turn = edge.turns.take(&party, 1)?;
    let asked = Asked { id, is_safe, tells_cost, accepted };
    let answer = match parameters {
        Parameters::One(request) => one(edge, &caller, *request, asked).await?,
        Parameters::Batch(requests) => batch(edge, &caller, requests, asked).await?,
    };
    unread::count(answer, room).await
}

/// How a request was asked.
struct Asked {
    id: RequestId,
    /// By a method that changes nothing.
    is_safe: bool,
    /// Whether the response is to say what the request cost.
    tells_cost: bool,
    accepted: Accepted,
}

async fn one(
    edge: &Edge,
    caller: &Caller,
    mut request: GraphQlRequest,
    Asked { id, is_safe, tells_cost, accepted }: Asked,
) -> Result<Response, Refusal> {
    let operation = edge.executor.operation(&mut request, caller.actor)?;
    if is_safe && operation.is(OperationType::Mutation) {
        return Err(Refusal::new(ErrorCode::MethodNotAllowed, "send mutations by POST"));
    }
    let context = edge.request_context(caller.clone(), &id);
    let (mut answer, code) = if operation.is(OperationType::Subscription) {
        if !accepted.events {
            let message = "a subscription needs a WebSocket, or Accept: text/event-stream";
            return Err(Refusal::new(ErrorCode::NotAcceptable, message));
        }
        let place = edge.streams.take(&Party::caller(caller), 1).map_err(streams::refusal)?;
        let answers = edge.executor.follow(request, context, Transport::Events, tells_cost);
        // The stream holds its place to its end.
        let answers = answers.inspect(move |_| _ = &place);
        (answer::events(answers, over(edge, caller)), None)
    } else {
        let terms = Terms { tells_cost, shared_by: 1 };
        let executed = edge.executor.execute(&operation, request, context, terms).await;
        let code = executed.answer.code;
        let answer = match accepted.format {
            Some(format) => answer::one(executed, format),
            None => answer::only_event(executed),
        };
        (answer, code)
    };
    answer.extensions_mut().insert(Told { operation: Some(operation), code });
    Ok(answer)
}

/// Ends when the server stops, or when the caller is let in no more.
fn over(edge: &Edge, caller: &Caller) -> impl Future<Output = ()> + use<> {
    let (stop, over) = (edge.stop.clone(), caller.over.clone());
    async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = over.cancelled() => {}
        }
    }
}

async fn batch(
    edge: &Edge,
    caller: &Caller,
    requests: Vec<GraphQlRequest>,
    Asked { id, tells_cost, accepted, .. }: Asked,
) -> Result<Response, Refusal> {
    let Some(format) = accepted.format else {
        return Err(Refusal::new(ErrorCode::NotAcceptable, "a batch is answered by JSON, not by events"));
    };
    let terms = Terms { tells_cost, shared_by: requests.len() };
    let executed = requests.into_iter().map(|mut request| async {
        let operation = match edge.executor.operation(&mut request, caller.actor) {
            Ok(operation) => operation,
            Err(error) => {
                edge.executor.refused(&Operation::default(), error.code);
                return error.into();
            }
        };
        if operation.is(OperationType::Subscription) {
            let code = ErrorCode::BadUserInput;
            edge.executor.refused(&operation, code);
            return ApiError::new(code, "a batch takes no subscriptions").into();
        }
        let context = edge.request_context(caller.clone(), &id);
        edge.executor.execute(&operation, request, context, terms).await
    });
    let executed: Vec<Executed> = join_all(executed).await;
    let mut answer = answer::batch(&executed, format);
    // Of several operations, the metrics and the trace tell; the log, that there were some.
    let code = executed.iter().find_map(|executed| executed.answer.code);
    answer.extensions_mut().insert(Told { operation: Some(Operation::batch()), code });
    Ok(answer)
}
