//! The GraphQL API: translates between GraphQL and the domains and contains no domain logic.
//!
//! A resolver reads its input, calls one domain function and converts the result. The schema is a public contract that
//! evolves independently of the database, so it exposes no row types. Doc comments of schema types are the descriptions
//! that clients see.

mod containers;
mod context;
mod contours;
mod cost_report;
mod detection;
mod domains;
mod enrollment;
mod error;
mod error_mapping;
mod execution;
mod ids;
mod loaders;
mod node;
mod people;
mod schema;
mod service;
mod types;

pub(crate) use contours::ContourRegion;
pub(crate) use types::faces::DetectedFace;

pub use context::{Limits, RequestContext, lacks_scope};
pub use cost_report::{Charge, CostReport};
pub use domains::Domains;
pub use error::{ApiError, ErrorCode, RETRY_AFTER_MS};
pub use execution::document_cache::DocumentCache;
pub use execution::limits::QueryLimits;
pub use execution::meter::ResponseLimit;
pub use execution::select_operation::select_operation;
pub use schema::{FaceQlSchema, schema, schema_without_domains, sdl};
pub use types::float_list::Written;
pub(crate) use types::written_numbers::{ChangedNumbers, variables_in};
