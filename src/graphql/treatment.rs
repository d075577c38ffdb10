//! What is done to every request, in its order: held to its limits, made what the specification says, paid for, and its
//! errors given their codes. One extension does it all, since async-graphql calls each of them for every field.

use std::any::{Any, TypeId};
use std::sync::{Arc, OnceLock};

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextExecute, NextParseQuery, NextPrepareRequest,
    NextRequest, NextSubscribe, NextValidation,
};
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Request, Response, ServerError, ServerResult, ValidationResult, Variables, async_trait};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::conformance::{self, Outline};
use super::context::RequestContext;
use super::cost::{Bill, Charge, QueryLimits};
use super::error::give_code;
use super::parsed::Parsed;
use super::{ApiError, ErrorCode};
use crate::caller::Actor;
use crate::rates::{Rates, RatesConfig, Short};

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
        Arc::new(TreatmentOfRequest { limits, rates, asked: OnceLock::new(), outline: Arc::default() })
    }
}

struct TreatmentOfRequest {
    limits: QueryLimits,
    rates: Rates,
    asked: OnceLock<Asked>,
    outline: Arc<OnceLock<Outline>>,
}

/// What is known of a request before its document is looked at.
struct Asked {
    operation_name: Option<String>,
    /// Without a caller nothing can be resolved.
    payer: Option<(Actor, Bill)>,
    parsed: Option<Arc<Parsed>>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        Self {
            operation_name: request.operation_name.clone(),
            payer: data_of::<RequestContext>(request).map(RequestContext::payer),
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

    /// Takes `cost` from what the key has left.
    fn pay(&self, cost: usize) -> Result<(), ApiError> {
        let payer = self.asked.get().and_then(|asked| asked.payer.as_ref());
        let Some((actor, bill)) = payer else { return Ok(()) };
        match self.rates.spend_cost(*actor, cost) {
            Ok(left) => {
                bill.settle(Charge { cost: Some(cost), left });
                Ok(())
            }
            Err(Short { wait, left }) => {
                bill.settle(Charge { cost: None, left: Some(left) });
                let message =
                    "this key's queries cost more than FACEQL_RATE_COST_PER_SECOND allows; try again later";
                Err(ApiError::rate_limited(wait, message))
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
        Ok(document)
    }

    async fn validation(
        &self,
        context: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let verdict = self.asked.get().and_then(Asked::verdict);
        let result = match verdict.and_then(OnceLock::get) {
            Some(known) => *known,
            None => next.run(context).await.map_err(coded_by_validation)?,
        };
        if let Some(verdict) = verdict {
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
        let response = next.run(context, operation_name).await;
        match self.outline.get() {
            Some(outline) => conformance::complete(response, outline, &context.schema_env.registry),
            None => response,
        }
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

fn coded_by_validation(mut errors: Vec<ServerError>) -> Vec<ServerError> {
    for error in &mut errors {
        give_code(error, validation_code(error));
    }
    errors
}

/// async-graphql reports values that do not fit their types, and variables that were not given, as faults of the document.
fn validation_code(error: &ServerError) -> ErrorCode {
    let of_value = ["Invalid value for argument", "Expected input type"];
    let is_of_value = of_value.iter().any(|beginning| error.message.starts_with(beginning));
    let lacks_variable =
        error.message.starts_with("Variable ") && error.message.ends_with(" is not defined.");
    if is_of_value || lacks_variable { ErrorCode::BadUserInput } else { ErrorCode::GraphqlValidationFailed }
}
