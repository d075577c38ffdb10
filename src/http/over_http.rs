//! GraphQL over HTTP: requests by POST and GET; a single response, a batch or an event stream.

use std::sync::Arc;

use async_graphql::Request as GraphQlRequest;
use async_graphql::parser::types::OperationType;
use axum::extract::{FromRequestParts, Request, State, WebSocketUpgrade};
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::future::join_all;

use super::body::parameters::Parameters;
use super::body::unread_responses;
use super::edge::Edge;
use super::graphql::answer;
use super::graphql::answer::Executed;
use super::graphql::execute::Terms;
use super::graphql::format::{Accepted, Format};
use super::graphql::outcome::{Operation, Outcome};
use super::graphql::refusal::Refusal;
use super::request_id::RequestId;
use super::{streams, ws};
use crate::access::caller::Caller;
use crate::graphql::{ApiError, ErrorCode};
use crate::metrics::Transport;

/// Handles one HTTP request. A `GET` may also be a WebSocket upgrade.
pub(super) async fn serve(State(edge): State<Arc<Edge>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        return ws::serve(edge, &parts, upgrade);
    }
    let (answered, format) = match Accepted::of(&parts.headers) {
        Ok(accepted) => {
            let answered = answer_to(&edge, Request::from_parts(parts, body), accepted).await;
            (answered, accepted.format.unwrap_or(Format::Json))
        }
        Err(refusal) => (Err(refusal.into()), Format::Json),
    };
    answered.unwrap_or_else(|refusal| {
        edge.executor.refused(&Operation::default(), refusal.code());
        refusal.in_format(format)
    })
}

/// The refusal of methods other than `GET` and `POST`.
pub(super) async fn other_method() -> Refusal {
    Refusal::new(ErrorCode::MethodNotAllowed, "send requests by POST, or queries by GET")
}

async fn answer_to(edge: &Edge, request: Request, accepted: Accepted) -> Result<Response, Refusal> {
    let caller = edge.authenticator.by_request(request.headers(), request.extensions()).await?;
    let tells_cost = request.headers().get("x-graphql-cost").is_some_and(|wanted| wanted == "1");
    let party = caller.party();
    let (is_safe, id) = (request.method().is_safe(), RequestId::given(request.extensions()));
    let read = |request| edge.requests.read(request);
    let (parameters, held) = edge.bodies.receive(&caller, request, read).await?;
    // Taken only after the body has arrived: a slow request must not occupy a turn.
    let _turn = edge.turns.take(&party, 1)?;
    let asked = Asked { id, is_safe, tells_cost, accepted };
    let answer = match parameters {
        Parameters::One(request) => one(edge, &caller, *request, asked).await?,
        Parameters::Batch(requests) => batch(edge, &caller, requests, asked).await?,
    };
    unread_responses::count(answer, held).await
}

/// Properties of the HTTP request.
struct Asked {
    id: RequestId,
    /// Whether its method is safe (RFC 9110), so that mutations are refused.
    is_safe: bool,
    /// Whether the response should contain the cost.
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
            let message = "a subscription requires a WebSocket, or Accept: text/event-stream";
            return Err(Refusal::new(ErrorCode::NotAcceptable, message));
        }
        let place = edge.streams.take(&caller.party(), 1).map_err(streams::refusal)?;
        let answers = edge.executor.follow(request, context, Transport::Events, tells_cost);
        // The stream holds its slot until it ends.
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
    answer.extensions_mut().insert(Outcome { operation: Some(operation), code });
    Ok(answer)
}

/// Completes when the server stops or the caller's key is no longer valid.
fn over(edge: &Edge, caller: &Caller) -> impl Future<Output = ()> + use<> {
    let (stop, over) = (edge.stop.clone(), caller.revoked.clone());
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
        return Err(Refusal::new(ErrorCode::NotAcceptable, "the response to a batch is JSON, not events"));
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
            return ApiError::new(code, "a batch cannot contain subscriptions").into();
        }
        let context = edge.request_context(caller.clone(), &id);
        edge.executor.execute(&operation, request, context, terms).await
    });
    let executed: Vec<Executed> = join_all(executed).await;
    let mut answer = answer::batch(&executed, format);
    // Metrics and traces cover each operation; the log has one line for the batch.
    let code = executed.iter().find_map(|executed| executed.answer.code);
    answer.extensions_mut().insert(Outcome { operation: Some(Operation::batch()), code });
    Ok(answer)
}
