//! What is done to every request, in its order: held to its limits, made what the specification says, paid for, and its
//! errors given their codes. One extension does it all, since async-graphql calls each of them for every field.

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
use super::context::RequestContext;
use super::cost::{Bill, Charge, QueryLimits};
use super::error::give_code;
use super::introspection;
use super::meter::{Meter, ResponseLimit};
use super::parsed::{Deposit, Parsed, Unparsable};
use super::{ApiError, ErrorCode};
use crate::caller::Actor;
use crate::rates::{Rates, RatesConfig};

/// Errors that are listed of a document that is not valid.
const MOST_ERRORS: usize = 20;
/// Bytes that are told of each of their messages.
const MOST_MESSAGE_BYTES: usize = 1000;

/// Holds every request to `limits`, and every key to its `rates`.
pub(super) struct Treatment {
    pub(super) limits: QueryLimits,
    pub(super) rates: Rates,
}

impl Treatment {
    /// Holds requests to `limits` alone.
    pub(super) fn without_rates(limits: QueryLimits) -> Self {
        let unlimited = RatesConfig { cost_per_second: 0, upload_mib_per_minute: 0 };
        Self { limits, rates: Rates::new(&unlimited, 0, 0) }
    }
}

impl ExtensionFactory for Treatment {
    fn create(&self) -> Arc<dyn Extension> {
        let (limits, rates) = (self.limits, self.rates.clone());
        Arc::new(TreatmentOfRequest {
            limits,
            rates,
            asked: OnceLock::new(),
            introspection_cost: OnceLock::new(),
            outline: Arc::default(),
            meter: Meter::default(),
        })
    }
}

struct TreatmentOfRequest {
    limits: QueryLimits,
    rates: Rates,
    asked: OnceLock<Asked>,
    /// Unknown while there is a verdict, which holds it.
    introspection_cost: OnceLock<usize>,
    outline: Arc<OnceLock<Outline>>,
    meter: Meter,
}

/// What is known of a request before its document is looked at.
struct Asked {
    operation_name: Option<String>,
    /// Without a caller nothing can be resolved.
    payer: Option<(Actor, Bill)>,
    /// What was paid already.
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

impl TreatmentOfRequest {
    fn operation_name(&self) -> Option<&str> {
        self.asked.get()?.operation_name.as_deref()
    }

    fn max_response_bytes(&self) -> usize {
        let own = self.asked.get().and_then(|asked| asked.response);
        own.map_or(self.limits.response_bytes, |limit| limit.max_bytes)
    }

    /// What came of validating the same document before.
    fn known_verdict(&self) -> Option<ValidationResult> {
        self.asked.get()?.verdict()?.get().copied()
    }

    /// async-graphql takes the lists of introspection for single fields.
    fn with_introspection(&self, mut result: ValidationResult) -> ValidationResult {
        let more = self.introspection_cost.get().copied().unwrap_or_default();
        result.complexity = result.complexity.saturating_add(more);
        result
    }

    /// Takes `cost` from what the key has left, less what was paid already.
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
impl Extension for TreatmentOfRequest {
    async fn prepare_request(
        &self,
        context: &ExtensionContext<'_>,
        mut request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        if let Some(Unparsable(error)) = data_of(&request) {
            return Err(error.clone());
        }
        // What cannot be parsed has no shape, and goes no further.
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
        if let Some(verdict) = self.asked.get().and_then(Asked::verdict) {
            // Another request may have been as fast.
            let _ = verdict.set(result);
        }
        self.limits.check_cost(result.complexity).map_err(|error| vec![error])?;
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
        // A list is a scalar when its items are; they are counted with it.
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

/// Resolvers give codes; what is left are values that async-graphql could not read, and operations it did not find.
fn coded(mut response: Response) -> Response {
    for error in &mut response.errors {
        give_code(error, ErrorCode::BadUserInput);
    }
    response
}

/// The first errors of those that async-graphql found, of which there may be one for each word of the document.
fn coded_by_validation(mut errors: Vec<ServerError>) -> Vec<ServerError> {
    let left_out = errors.len().saturating_sub(MOST_ERRORS);
    errors.truncate(MOST_ERRORS);
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

/// A message quotes what the client wrote, in as many errors as it likes.
fn shorten(message: &mut String) {
    if message.len() > MOST_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MOST_MESSAGE_BYTES));
        message.push('…');
    }
}

/// async-graphql reports values that do not fit their types, and variables that were not given, as faults of the document.
fn validation_code(error: &ServerError) -> ErrorCode {
    let of_value = ["Invalid value for argument", "Expected input type"];
    let is_of_value = of_value.iter().any(|beginning| error.message.starts_with(beginning));
    let lacks_variable =
        error.message.starts_with("Variable ") && error.message.ends_with(" is not defined.");
    if is_of_value || lacks_variable { ErrorCode::BadUserInput } else { ErrorCode::GraphqlValidationFailed }
}
