//! GraphQL itself: documents, variables, limits, conformance.

mod bad_input;
mod conformance;
mod cost;
mod forms;
mod hostile;
mod introspection;
mod invalid;
mod json;
mod nesting;
mod omitted;
mod persisted_documents;
mod response_size;
