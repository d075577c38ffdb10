//! Builds the schema from the root types of all domains.

use async_graphql::{MergedObject, MergedSubscription, SDLExportOptions, Schema, SchemaBuilder};

use super::containers::{ContainerMutation, ContainerQuery, ContainerSubscription};
use super::contours::{ContourMutation, ContourQuery, ContourSubscription};
use super::detection::{DetectionMutation, DetectionQuery, DetectionSubscription};
use super::enrollment::{EnrollmentMutation, EnrollmentQuery, EnrollmentSubscription};
use super::execution::audited_root::AuditedRoot;
use super::execution::limits::QueryLimits;
use super::execution::request_pipeline::RequestPipeline;
use super::node::NodeQuery;
use super::people::{PeopleMutation, PeopleQuery, RecognitionMutation};
use super::service::ServiceQuery;
use super::{Domains, Limits};
use crate::access::file_links::FileLinks;
use crate::access::rates::Rates;
use crate::health::Health;

/// Reads data. All fields require the `read` scope and only return data of the caller's tenant.
#[derive(Default, MergedObject)]
pub struct Query(
    NodeQuery,
    ContainerQuery,
    PeopleQuery,
    EnrollmentQuery,
    DetectionQuery,
    ContourQuery,
    ServiceQuery,
);

/// Operations that change data or process images. `verifyPerson`, `identifyPerson`, `identifyFaces` and `compareFaces`
/// require the `read` scope, all others `write`. Every mutation is recorded in the audit log. Besides the errors of its
/// description, any mutation may fail with `INVALID_ID`, `FORBIDDEN`, `RATE_LIMITED`, `OVERLOADED`,
/// `STORAGE_UNAVAILABLE`, `TIMEOUT` or `INTERNAL`.
#[derive(Default, MergedObject)]
pub struct Mutation(
    ContainerMutation,
    PeopleMutation,
    RecognitionMutation,
    EnrollmentMutation,
    DetectionMutation,
    ContourMutation,
);

/// Streams of changes, over WebSocket (`graphql-transport-ws`) or server-sent events. All fields require the `read`
/// scope. An operation has exactly one root field.
#[derive(Default, MergedSubscription)]
pub struct Subscription(
    ContainerSubscription,
    EnrollmentSubscription,
    DetectionSubscription,
    ContourSubscription,
);

/// The whole API. Clones share it.
pub type FaceQlSchema = Schema<Query, AuditedRoot<Mutation>, AuditedRoot<Subscription>>;

/// Builds the API over the given domains.
#[must_use]
pub fn schema(
    domains: Domains,
    health: Health,
    limits: Limits,
    queries: QueryLimits,
    rates: Rates,
    links: FileLinks,
) -> FaceQlSchema {
    let Domains { containers, people, enrollments, detections, contours } = domains;
    builder()
        .extension(RequestPipeline { limits: queries, rates: rates.clone() })
        .data(rates)
        .data(containers)
        .data(people)
        .data(enrollments)
        .data(detections)
        .data(contours)
        .data(health)
        .data(limits)
        .data(links)
        .finish()
}

/// Builds the API without domains, to check documents against `queries` only: its resolvers fail.
#[must_use]
pub fn schema_without_domains(queries: QueryLimits) -> FaceQlSchema {
    builder().extension(RequestPipeline::without_rates(queries)).finish()
}

/// The schema in GraphQL's schema definition language (SDL), as in `schema.graphql`.
#[must_use]
pub fn sdl() -> String {
    builder().finish().sdl_with_options(SDLExportOptions::new().include_specified_by())
}

fn builder() -> SchemaBuilder<Query, AuditedRoot<Mutation>, AuditedRoot<Subscription>> {
    Schema::build(Query::default(), AuditedRoot::default(), AuditedRoot::default())
}
