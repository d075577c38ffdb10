//! Request bodies: their memory budget, their rate limit, and how a GraphQL request is read from them.

pub(super) mod body_budget;
pub(super) mod form;
pub(super) mod json;
pub(super) mod multipart;
pub(super) mod parameters;
pub(super) mod persisted_documents;
pub(super) mod request_body;
pub(super) mod unread_responses;
pub(super) mod upload_rate;
mod variables;
pub(super) mod written;
