//! Execution of an operation around its resolvers: selecting the operation, checking limits, charging the cost,
//! completing the response as specified, and auditing. Independent of the domains.

pub(super) mod audited_field;
pub(super) mod audited_root;
pub(super) mod complexity;
pub(super) mod conformance;
pub(super) mod document_cache;
pub(super) mod introspection;
pub(super) mod limits;
mod measure;
pub(super) mod meter;
pub(super) mod request_pipeline;
pub(super) mod select_operation;
