//! Executes operations of all transports with time limits, rate limits, metrics and traces.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::parser::types::{OperationDefinition, Selection};
use async_graphql::{Name, Request, Response, Value};
use futures_util::{Stream, StreamExt};
use tracing::field::Empty;
use tracing::{Instrument, debug_span};

use super::answer::{Answer, Executed};
use super::outcome::Operation;
use crate::access::rates::Rates;
use crate::actor::Actor;
use crate::graphql::select_operation;
use crate::graphql::{
    ApiError, Charge, CostReport, DocumentCache, ErrorCode, FaceQlSchema, RequestContext, ResponseLimit,
};
use crate::metrics::{EdgeMetrics, Open, Transport};
use crate::telemetry::TRACED;

/// Executes operations.
pub struct Executor {
    schema: FaceQlSchema,
    /// Every name in the schema; other names are not reported to logs and metrics.
    names: HashSet<String>,
    parsed: DocumentCache,
    rates: Rates,
    timeout: Duration,
    max_response_bytes: usize,
    metrics: Arc<EdgeMetrics>,
}

impl Executor {
    /// An executor of `schema`. Parsing and execution are charged to `rates`; `timeout` limits the time of a query or a
    /// mutation, and `max_response_bytes` the size of the response to a request.
    #[must_use]
    pub fn new(
        schema: FaceQlSchema,
        rates: Rates,
        timeout: Duration,
        max_response_bytes: usize,
        metrics: Arc<EdgeMetrics>,
    ) -> Self {
        let names = schema.names().into_iter().collect();
        Self { schema, names, parsed: DocumentCache::default(), rates, timeout, max_response_bytes, metrics }
    }

    /// Parses the document of `request`, charged to `actor`, and determines its operation. The operation is of unknown
    /// kind when the document is invalid; executing it reports the error.
    pub(in crate::http) fn operation(
        &self,
        request: &mut Request,
        actor: Actor,
    ) -> Result<Operation, ApiError> {
        if !self.parsed.parse(request, |cost| self.rates.deposit(actor, cost))? {
            return Ok(Operation::default());
        }
        let name = request.operation_name.clone();
        let document = request.parsed_query().ok();
        let operation = document.and_then(|document| select_operation(&document.operations, name.as_deref()));
        let Some(operation) = operation else { return Ok(Operation::default()) };
        let field = first_field(operation).filter(|name| self.names.contains(name.as_str()));
        Ok(Operation::of(operation.ty, field.cloned()))
    }

    /// Executes a query or a mutation within the time limit. When a mutation times out, uncommitted changes are rolled
    /// back.
    pub(in crate::http) async fn execute(
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
        let (start, bill) = (Instant::now(), CostReport::default());
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

    /// Executes a subscription. With `tells_cost`, its first response contains the cost.
    pub(in crate::http) fn follow(
        &self,
        request: Request,
        context: RequestContext,
        transport: Transport,
        mut tells_cost: bool,
    ) -> impl Stream<Item = Answer> + Send + use<> {
        let max_bytes = self.max_response_bytes;
        let (open, bill) = (self.metrics.subscription(transport), CostReport::default());
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
    pub(in crate::http) fn refused(&self, operation: &Operation, code: ErrorCode) {
        self.metrics.ended(operation.kind_name(), code.name(), None);
    }
}

/// Parameters of an execution.
#[derive(Clone, Copy)]
pub(in crate::http) struct Terms {
    /// Whether the response should contain the cost.
    pub(in crate::http) tells_cost: bool,
    /// Number of operations that share the maximum response size: the size of the batch.
    pub(in crate::http) shared_by: usize,
}

/// Adds the cost to the response, if it has been determined.
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
    let message =
        "the request took longer than FACEQL_REQUEST_TIMEOUT_SECONDS; request less, or try again later";
    Response::from_errors(vec![ApiError::new(ErrorCode::Timeout, message).into_server_error()])
}

/// The value of the metrics label.
fn outcome(code: Option<ErrorCode>) -> &'static str {
    code.map_or("OK", ErrorCode::name)
}

/// An open subscription. Its outcome is counted when it is dropped.
struct Following {
    metrics: Arc<EdgeMetrics>,
    bill: CostReport,
    code: Option<ErrorCode>,
    _open: Open,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.metrics.ended("subscription", outcome(self.code), self.bill.charge().cost);
    }
}
