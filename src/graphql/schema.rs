//! The schema: the roots of all domains, its limits, and what is done to every request.

use std::sync::Arc;

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextParseQuery, NextRequest, NextSubscribe, NextValidation,
};
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{
    MergedObject, MergedSubscription, Response, SDLExportOptions, Schema, SchemaBuilder, ServerError,
    ServerResult, ValidationResult, Variables, async_trait,
};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::audited::Audited;
use super::conformance::Conformance;
use super::contours::{ContourMutation, ContourQuery, ContourSubscription};
use super::cost::{Cost, QueryLimits};
use super::detection::{DetectionMutation, DetectionQuery, DetectionSubscription};
use super::enrollment::{EnrollmentMutation, EnrollmentQuery, EnrollmentSubscription};
use super::error::give_code;
use super::node::NodeQuery;
use super::people::{PeopleMutation, PeopleQuery, RecognitionMutation};
use super::service::ServiceQuery;
use super::verification::{VerificationMutation, VerificationQuery, VerificationSubscription};
use super::{Domains, ErrorCode, Limits};
use crate::files::FileLinks;
use crate::health::Health;
use crate::rates::{Rates, RatesConfig};

/// Reads.
#[derive(Default, MergedObject)]
pub struct Query(
    NodeQuery,
    VerificationQuery,
    PeopleQuery,
    EnrollmentQuery,
    DetectionQuery,
    ContourQuery,
    ServiceQuery,
);

/// Writes.
#[derive(Default, MergedObject)]
pub struct Mutation(
    VerificationMutation,
    PeopleMutation,
    RecognitionMutation,
    EnrollmentMutation,
    DetectionMutation,
    ContourMutation,
);

/// Follows.
#[derive(Default, MergedSubscription)]
pub struct Subscription(
    VerificationSubscription,
    EnrollmentSubscription,
    DetectionSubscription,
    ContourSubscription,
);

/// The whole API. Cloning shares it.
pub type FaceQlSchema = Schema<Query, Audited<Mutation>, Audited<Subscription>>;

/// The API over the given domains.
#[must_use]
pub fn schema(
    domains: Domains,
    health: Health,
    limits: Limits,
    queries: QueryLimits,
    rates: Rates,
    links: FileLinks,
) -> FaceQlSchema {
    let Domains { verification, people, enrollments, detections, contours } = domains;
    builder()
        .extension(Cost { limits: queries, rates })
        .data(verification)
        .data(people)
        .data(enrollments)
        .data(detections)
        .data(contours)
        .data(health)
        .data(limits)
        .data(links)
        .finish()
}

/// The API without its domains, for judging documents by `queries`: its resolvers fail.
#[must_use]
pub fn schema_without_domains(queries: QueryLimits) -> FaceQlSchema {
    let unlimited = RatesConfig { cost_per_second: 0, upload_mib_per_minute: 0 };
    builder().extension(Cost { limits: queries, rates: Rates::new(&unlimited, 0, 0) }).finish()
}

/// The schema in GraphQL's own language, as `schema.graphql` holds it.
#[must_use]
pub fn sdl() -> String {
    builder().finish().sdl_with_options(SDLExportOptions::new().include_specified_by())
}

fn builder() -> SchemaBuilder<Query, Audited<Mutation>, Audited<Subscription>> {
    Schema::build(Query::default(), Audited::default(), Audited::default())
        .extension(Conformance)
        .extension(Codes)
}

/// Sees to it that every error has a code, those of async-graphql itself included.
struct Codes;

impl ExtensionFactory for Codes {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Codes {
    async fn parse_query(
        &self,
        context: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        next.run(context, query, variables).await.map_err(|mut error| {
            give_code(&mut error, ErrorCode::GraphqlParseFailed);
            error
        })
    }

    async fn validation(
        &self,
        context: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        next.run(context).await.map_err(|mut errors| {
            for error in &mut errors {
                give_code(error, validation_code(error));
            }
            errors
        })
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
        next.run(context, responses.map(coded).boxed())
    }
}

/// Resolvers give codes; what is left are values that async-graphql could not read, and operations it did not find.
fn coded(mut response: Response) -> Response {
    for error in &mut response.errors {
        give_code(error, ErrorCode::BadUserInput);
    }
    response
}

/// async-graphql reports values that do not fit their types, and variables that were not given, as faults of the document.
fn validation_code(error: &ServerError) -> ErrorCode {
    let of_value = ["Invalid value for argument", "Expected input type"];
    let is_of_value = of_value.iter().any(|beginning| error.message.starts_with(beginning));
    let lacks_variable =
        error.message.starts_with("Variable ") && error.message.ends_with(" is not defined.");
    if is_of_value || lacks_variable { ErrorCode::BadUserInput } else { ErrorCode::GraphqlValidationFailed }
}
