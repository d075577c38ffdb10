//! The API: translates between GraphQL and the domains, and holds no logic of its own.
//!
//! A resolver reads its input, calls one domain function and converts the answer. The schema is a contract
//! that evolves by its own rules, so no row type appears in it.

mod audited;
mod causes;
mod chosen;
mod conformance;
mod context;
mod contours;
mod cost;
mod detection;
mod enrollment;
mod error;
mod faces;
mod ids;
mod images;
mod introspection;
mod loaders;
mod measure;
mod metadata;
mod meter;
mod models;
mod node;
mod numbers;
mod page;
mod parsed;
mod people;
mod schema;
mod service;
mod shown;
mod treatment;
mod verification;
mod written_numbers;

pub(crate) use contours::ContourRegion;
pub(crate) use faces::DetectedFace;

pub use chosen::chosen;
pub use context::{Domains, Limits, RequestContext, lacks_scope};
pub use cost::{Bill, Charge, QueryLimits};
pub use error::{ApiError, ErrorCode, RETRY_AFTER_MS};
pub use meter::ResponseLimit;
pub use numbers::Written;
pub use parsed::ParsedDocuments;
pub use schema::{FaceQlSchema, schema, schema_without_domains, sdl};
pub(crate) use written_numbers::{ChangedNumbers, variables_in};
