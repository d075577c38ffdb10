//! The steps of every request: check limits, correct the document, charge the cost, execute, complete the response, and
//! set the codes of errors. A single extension does all of this, since async-graphql calls every extension for every
//! field.

use std::any::{Any, TypeId};
use std::sync::{Arc, OnceLock};

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextExecute, NextParseQuery, NextPrepareRequest,
    NextRequest, NextResolve, NextSubscribe, NextValidation, ResolveInfo,
};
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{
    QueryPathSegment, Request, Response, ServerError, ServerResult, ValidationResult, Value, Variables,
    async_trait,
};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::conformance::{self, Outline};
use super::document_cache::{Deposit, Parsed, Unparsable};
use super::introspection;
use super::limits::QueryLimits;
use super::meter::{Meter, ResponseLimit};
use crate::access::rates::{Rates, RatesConfig};
use crate::actor::Actor;
use crate::graphql::context::RequestContext;
use crate::graphql::cost_report::{Charge, CostReport};
use crate::graphql::error::give_code;
use crate::graphql::{ApiError, ErrorCode};

/// Maximum validation errors returned for a document.
const MAX_ERRORS: usize = 20;
/// Maximum bytes of the message of a validation error.
const MAX_MESSAGE_BYTES: usize = 1000;

/// Enforces `limits` for every request, and `rates` for every key.
pub(in crate::graphql) struct RequestPipeline {
    pub(in crate::graphql) limits: QueryLimits,
    pub(in crate::graphql) rates: Rates,
}

impl RequestPipeline {
    /// Enforces `limits` only.
    pub(in crate::graphql) fn without_rates(limits: QueryLimits) -> Self {
        let unlimited = RatesConfig { cost_per_second: 0, upload_mib_per_minute: 0 };
        Self { limits, rates: Rates::new(&unlimited, 0, 0) }
    }
}

impl ExtensionFactory for RequestPipeline {
    fn create(&self) -> Arc<dyn Extension> {
        let (limits, rates) = (self.limits, self.rates.clone());
        Arc::new(PipelineOfRequest {
            limits,
            rates,
            asked: OnceLock::new(),
            introspection_cost: OnceLock::new(),
            outline: Arc::default(),
            meter: Meter::default(),
        })
    }
}

struct PipelineOfRequest {
    limits: QueryLimits,
    rates: Rates,
    asked: OnceLock<Asked>,
    /// Not set if the validation result is known, as that includes it.
    introspection_cost: OnceLock<usize>,
    outline: Arc<OnceLock<Outline>>,
    meter: Meter,
}

/// What is known of a request before its document is processed.
struct Asked {
    operation_name: Option<String>,
    /// `None` without a caller; then no field can be resolved.
    payer: Option<(Actor, CostReport)>,
    /// Cost that was charged already.
    deposit: usize,
    response: Option<ResponseLimit>,
    parsed: Option<Arc<Parsed>>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        Self {
            operation_name: request.operation_name.clone(),
            payer: data_of::<RequestContext>(request).map(RequestContext::payer),
            deposit: data_of(request).map_or(0, |Deposit(paid)| *paid),
            response: data_of::<ResponseLimit>(request).copied(),
            parsed: data_of::<Arc<Parsed>>(request).cloned(),
        }
    }

    fn verdict(&self) -> Option<&OnceLock<ValidationResult>> {
        self.parsed.as_ref()?.verdict(self.operation_name.as_deref())
    }
}

fn data_of<T: Any>(request: &Request) -> Option<&T> {
    request.data.get(&TypeId::of::<T>())?.downcast_ref()
}

impl PipelineOfRequest {
    fn operation_name(&self) -> Option<&str> {
        self.asked.get()?.operation_name.as_deref()
    }

    fn max_response_bytes(&self) -> usize {
        let own = self.asked.get().and_then(|asked| asked.response);
        own.map_or(self.limits.response_bytes, |limit| limit.max_bytes)
    }

    /// The result of validating the same document before.
    fn known_verdict(&self) -> Option<ValidationResult> {
        self.asked.get()?.verdict()?.get().copied()
    }

    /// Adds the cost of introspection, whose lists async-graphql counts as single fields.
    fn with_introspection(&self, mut result: ValidationResult) -> ValidationResult {
        let more = self.introspection_cost.get().copied().unwrap_or_default();
        result.complexity = result.complexity.saturating_add(more);
        result
    }

    /// Charges the key for `cost`, less what was charged already.
    fn pay(&self, cost: usize) -> Result<(), ApiError> {
        let Some(Asked { payer: Some((actor, bill)), deposit, .. }) = self.asked.get() else {
            return Ok(());
        };
        match self.rates.spend_rest(*actor, cost, *deposit) {
            Ok(left) => {
                bill.settle(Charge { cost: Some(cost), left });
                Ok(())
            }
            Err(short) => {
                bill.settle(Charge { cost: None, left: Some(short.left) });
                Err(short.into())
            }
        }
    }
}

#[async_trait::async_trait]
impl Extension for PipelineOfRequest {
    async fn prepare_request(
        &self,
        context: &ExtensionContext<'_>,
        mut request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        if let Some(Unparsable(error)) = data_of(&request) {
            return Err(error.clone());
        }
        // A document that cannot be parsed has no shape, and fails in the next step.
        if let Ok(document) = request.parsed_query() {
            self.limits.check_shape(document).map_err(ApiError::into_server_error)?;
        }
        let _ = self.asked.set(Asked::of(&request));
        next.run(context, request).await
    }

    async fn parse_query(
        &self,
        context: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        let mut document = next.run(context, query, variables).await.map_err(|mut error| {
            give_code(&mut error, ErrorCode::GraphqlParseFailed);
            error
        })?;
        if let Some(outline) = conformance::prepare(&mut document, self.operation_name(), variables)? {
            let _ = self.outline.set(outline);
        }
        if self.known_verdict().is_none() {
            let registry = &context.schema_env.registry;
            let (name, limit) = (self.operation_name(), self.limits.cost);
            let cost = introspection::cost(&document, name, variables, registry, limit);
            let _ = self.introspection_cost.set(cost);
        }
        Ok(document)
    }

    async fn validation(
        &self,
        context: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let result = match self.known_verdict() {
            Some(known) => known,
            None => self.with_introspection(next.run(context).await.map_err(coded_by_validation)?),
        };
        // Before the verdict is kept: a document that is too costly pays for being read each time.
        self.limits.check_cost(result.complexity).map_err(|error| vec![error])?;
        if let Some(verdict) = self.asked.get().and_then(Asked::verdict) {
            // A concurrent request may have set it already.
            let _ = verdict.set(result);
        }
        self.pay(result.complexity).map_err(|error| vec![error.into_server_error()])?;
        Ok(result)
    }

    async fn execute(
        &self,
        context: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let max_bytes = self.max_response_bytes();
        let Ok(response) = self.meter.run(max_bytes, next.run(context, operation_name)).await else {
            let error = ApiError::response_too_large(max_bytes);
            return Response::from_errors(vec![error.into_server_error()]);
        };
        match self.outline.get() {
            Some(outline) => conformance::complete(response, outline, &context.schema_env.registry),
            None => response,
        }
    }

    async fn resolve(
        &self,
        context: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        // A list of scalars counts as one scalar, including its items.
        let is_item = matches!(info.path_node.segment, QueryPathSegment::Index(_));
        let is_scalar = info.field.selection_set.node.items.is_empty() && !is_item;
        self.meter.turn().await;
        let value = next.run(context, info).await?;
        if let Some(scalar) = value.as_ref().filter(|_| is_scalar) {
            self.meter.hold(scalar);
        }
        Ok(value)
    }

    async fn request(&self, context: &ExtensionContext<'_>, next: NextRequest<'_>) -> Response {
        coded(next.run(context).await)
    }

    fn subscribe<'s>(
        &self,
        context: &ExtensionContext<'_>,
        responses: BoxStream<'s, Response>,
        next: NextSubscribe<'_>,
    ) -> BoxStream<'s, Response> {
        next.run(context, conformance::settle(responses.map(coded).boxed(), self.outline.clone()))
    }
}

/// Errors of resolvers have codes. Those without are from async-graphql: invalid values and unknown operations.
fn coded(mut response: Response) -> Response {
    for error in &mut response.errors {
        give_code(error, ErrorCode::BadUserInput);
    }
    response
}

/// The first errors of validation with their codes. There may be one for each word of the document.
fn coded_by_validation(mut errors: Vec<ServerError>) -> Vec<ServerError> {
    let left_out = errors.len().saturating_sub(MAX_ERRORS);
    errors.truncate(MAX_ERRORS);
    for error in &mut errors {
        give_code(error, validation_code(error));
        shorten(&mut error.message);
    }
    if left_out > 0
        && let Some(last) = errors.last_mut()
    {
        last.message = format!("{} ({left_out} more errors are left out)", last.message);
    }
    errors
}

/// Shortens a message, which may quote a long text of the client.
fn shorten(message: &mut String) {
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        message.push('…');
    }
}

/// The code of a validation error. async-graphql also reports values of the wrong type and missing variables as errors
/// of the document; these get `BAD_USER_INPUT`.
fn validation_code(error: &ServerError) -> ErrorCode {
    let of_value = ["Invalid value for argument", "Expected input type"];
    let is_of_value = of_value.iter().any(|beginning| error.message.starts_with(beginning));
    let lacks_variable =
        error.message.starts_with("Variable ") && error.message.ends_with(" is not defined.");
    if is_of_value || lacks_variable { ErrorCode::BadUserInput } else { ErrorCode::GraphqlValidationFailed }
}
