//! CORS: web pages of an explicit list of origins may call the server, no others.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

/// How long a browser may cache the result of a preflight request.
const MAX_AGE: Duration = Duration::from_hours(1);

/// Response headers that pages may read.
const EXPOSED: [&str; 4] = ["x-request-id", "retry-after", "ratelimit", "ratelimit-policy"];

/// Allows pages of `origins` to send requests and read responses; without origins, no page.
pub(in crate::http) fn layer(origins: &BTreeSet<String>) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let own = ["x-api-key", "apollo-require-preflight", "x-apollo-operation-name", "x-requested-with"]
        .into_iter()
        .chain(["x-request-id", "x-graphql-cost"])
        .map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(
            [header::CONTENT_TYPE, header::AUTHORIZATION].into_iter().chain(own).collect::<Vec<_>>(),
        )
        .expose_headers(EXPOSED.map(HeaderName::from_static))
        .max_age(MAX_AGE)
}
