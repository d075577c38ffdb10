//! The schema: the roots of all domains.

use async_graphql::{MergedObject, MergedSubscription, SDLExportOptions, Schema, SchemaBuilder};

use super::audited::Audited;
use super::contours::{ContourMutation, ContourQuery, ContourSubscription};
use super::cost::QueryLimits;
use super::detection::{DetectionMutation, DetectionQuery, DetectionSubscription};
use super::enrollment::{EnrollmentMutation, EnrollmentQuery, EnrollmentSubscription};
use super::node::NodeQuery;
use super::people::{PeopleMutation, PeopleQuery, RecognitionMutation};
use super::service::ServiceQuery;
use super::treatment::Treatment;
use super::verification::{VerificationMutation, VerificationQuery, VerificationSubscription};
use super::{Domains, Limits};
use crate::files::FileLinks;
use crate::health::Health;
use crate::rates::Rates;

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
        .extension(Treatment { limits: queries, rates: rates.clone() })
        .data(rates)
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
    builder().extension(Treatment::without_rates(queries)).finish()
}

/// The schema in GraphQL's own language, as `schema.graphql` holds it.
#[must_use]
pub fn sdl() -> String {
    builder().finish().sdl_with_options(SDLExportOptions::new().include_specified_by())
}

fn builder() -> SchemaBuilder<Query, Audited<Mutation>, Audited<Subscription>> {
    Schema::build(Query::default(), Audited::default(), Audited::default())
}
