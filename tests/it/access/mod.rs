//! Authentication, scopes, tenants and rate limits.

mod fairness;
mod keys;
mod rates;
mod scopes;
mod secret;
pub(crate) mod tenant_isolation;
pub(crate) mod tenants;
mod turns;
