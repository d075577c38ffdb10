//! Executes operations, whichever way they came: in time, counted, measured and traced.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, mem};

use async_graphql::parser::types::{OperationDefinition, OperationType, Selection};
use async_graphql::{Name, Request, Response, Value};
use futures_util::{Stream, StreamExt};
use tracing::field::Empty;
use tracing::{Instrument, debug_span};

use super::answer::Answer;
use crate::caller::Actor;
use crate::graphql::{
    ApiError, Bill, Charge, ErrorCode, FaceQlSchema, ParsedDocuments, RequestContext, ResponseLimit, chosen,
};
use crate::metrics::{EdgeMetrics, Open, Transport};
use crate::rates::{Left, Rates};
use crate::telemetry::TRACED;

/// Executes operations.
pub struct Executor {
    schema: FaceQlSchema,
    /// Every name in the schema.
    names: HashSet<String>,
    parsed: ParsedDocuments,
    rates: Rates,
    timeout: Duration,
    max_response_bytes: usize,
    metrics: Arc<EdgeMetrics>,
}

impl Executor {
    /// Executes operations of `schema`, whose documents are read for as much as `rates` leave; a query or a mutation may
    /// take as long as `timeout`, and the response to a request may have `max_response_bytes`.
    #[must_use]
    pub fn new(
        schema: FaceQlSchema,
        rates: Rates,
        timeout: Duration,
        max_response_bytes: usize,
        metrics: Arc<EdgeMetrics>,
    ) -> Self {
        let names = schema.names().into_iter().collect();
        Self {
            schema,
            names,
            parsed: ParsedDocuments::default(),
            rates,
            timeout,
            max_response_bytes,
            metrics,
        }
    }

    /// The operation that `request` by `actor` means; of no kind when it cannot be told, and executing it says why. Its
    /// document is parsed here, which the actor must be able to pay for.
    pub(super) fn operation(&self, request: &mut Request, actor: Actor) -> Result<Operation, ApiError> {
        if !self.parsed.parse(request, |cost| self.rates.deposit(actor, cost))? {
            return Ok(Operation::default());
        }
        let name = request.operation_name.clone();
        let document = request.parsed_query().ok();
        let operation = document.and_then(|document| chosen(&document.operations, name.as_deref()));
        let Some(operation) = operation else { return Ok(Operation::default()) };
        let field = first_field(operation).filter(|name| self.names.contains(name.as_str()));
        Ok(Operation { kind: Kind::One(operation.ty), field: field.cloned() })
    }

    /// Executes a query or a mutation, within the time that one may take. What a mutation did is not written when the time
    /// is over, unless it was committed already.
    pub(super) async fn execute(
        &self,
        operation: &Operation,
        request: Request,
        context: RequestContext,
        terms: Terms,
    ) -> Executed {
        let span = debug_span!(
            target: TRACED, "operation",
            otel.name = %operation, otel.status_code = Empty, error.r#type = Empty,
        );
        let (start, bill) = (Instant::now(), Bill::default());
        let max_bytes = self.max_response_bytes / terms.shared_by.max(1);
        let request = request.data(context.billed(bill.clone())).data(ResponseLimit { max_bytes });
        let execution = self.schema.execute(request);
        let execution = tokio::time::timeout(self.timeout, execution);
        let response = execution.instrument(span.clone()).await.unwrap_or_else(|_| late());
        let charge = bill.charge();
        let response = if terms.tells_cost { telling(response, charge) } else { response };
        let answer = Answer::of(response, max_bytes);
        let code = answer.code;
        self.metrics.executed(operation.kind_name(), start.elapsed());
        self.metrics.ended(operation.kind_name(), outcome(code), charge.cost);
        if let Some(code) = code {
            span.record("error.type", code.name());
            if code.is_of_server() {
                span.record("otel.status_code", "ERROR");
            }
        }
        Executed { answer, left: charge.left }
    }

    /// Executes a subscription. Its first response says what it cost, if it `tells_cost`.
    pub(super) fn follow(
        &self,
        request: Request,
        context: RequestContext,
        transport: Transport,
        mut tells_cost: bool,
    ) -> impl Stream<Item = Answer> + Send + use<> {
        let max_bytes = self.max_response_bytes;
        let (open, bill) = (self.metrics.subscription(transport), Bill::default());
        let request = request.data(context.billed(bill.clone()));
        let mut following = Following { metrics: self.metrics.clone(), bill, code: None, _open: open };
        self.schema.execute_stream(request).map(move |response| {
            let is_to_tell = mem::take(&mut tells_cost);
            let response = if is_to_tell { telling(response, following.bill.charge()) } else { response };
            let answer = Answer::of(response, max_bytes);
            following.code = answer.code;
            answer
        })
    }

    /// Counts an operation that is refused instead of executed.
    pub(super) fn refused(&self, operation: &Operation, code: ErrorCode) {
        self.metrics.ended(operation.kind_name(), code.name(), None);
    }
}

/// On what terms an operation is executed.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    /// Whether the response is to say what it cost.
    pub(super) tells_cost: bool,
    /// How many operations of a request share what its response may have.
    pub(super) shared_by: usize,
}

/// What came of a query or a mutation.
pub(super) struct Executed {
    pub(super) answer: Answer,
    /// What its key has left, where there is a limit.
    pub(super) left: Option<Left>,
}

impl From<ApiError> for Executed {
    fn from(error: ApiError) -> Self {
        Self { answer: error.into(), left: None }
    }
}

/// The response, saying what it cost if it cost anything.
fn telling(response: Response, charge: Charge) -> Response {
    match charge.cost {
        Some(cost) => response.extension("cost", Value::from(cost)),
        None => response,
    }
}

fn first_field(operation: &OperationDefinition) -> Option<&Name> {
    match &operation.selection_set.node.items.first()?.node {
        Selection::Field(field) => Some(&field.node.name.node),
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
    }
}

fn late() -> Response {
    let message = "the request took longer than FACEQL_REQUEST_TIMEOUT_SECONDS; ask for less, or again later";
    Response::from_errors(vec![ApiError::new(ErrorCode::Timeout, message).into_server_error()])
}

/// As metrics have it.
fn outcome(code: Option<ErrorCode>) -> &'static str {
    code.map_or("OK", ErrorCode::name)
}

/// What an operation would do, as far as it is told anywhere: its type, and its first field if that is one of the schema.
/// The operation's own name is the client's to choose and could hold anything, so it is not told.
#[derive(Clone, Default)]
pub(super) struct Operation {
    kind: Kind,
    field: Option<Name>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Unknown,
    Batch,
    One(OperationType),
}

impl Operation {
    /// Several at once.
    pub(super) fn batch() -> Self {
        Self { kind: Kind::Batch, field: None }
    }

    pub(super) fn is(&self, kind: OperationType) -> bool {
        self.kind == Kind::One(kind)
    }

    pub(super) fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::One(OperationType::Query) => "query",
            Kind::One(OperationType::Mutation) => "mutation",
            Kind::One(OperationType::Subscription) => "subscription",
            Kind::Batch => "batch",
            Kind::Unknown => "unknown",
        }
    }

    pub(super) fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind_name())?;
        self.field().map_or(Ok(()), |field| write!(formatter, " {field}"))
    }
}

/// A subscription, counted as open while it is, and by its outcome when it ends.
struct Following {
    metrics: Arc<EdgeMetrics>,
    bill: Bill,
    code: Option<ErrorCode>,
    _open: Open,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.metrics.ended("subscription", outcome(self.code), self.bill.charge().cost);
    }
}
