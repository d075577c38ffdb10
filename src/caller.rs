//! Who asks: the first argument of every domain function.

use entity::ids::Tenant;

/// The tenant of those who need no key.
pub const ANONYMOUS_TENANT: &str = "default";

/// An authenticated request's origin. Made by `http::auth` alone (and by tests).
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose data is seen and changed.
    pub tenant: Tenant,
    /// What the caller may do.
    pub scopes: Scopes,
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes {
    /// Queries and subscriptions.
    pub read: bool,
    /// Mutations.
    pub write: bool,
}

impl Scopes {
    /// Everything there is.
    pub const ALL: Self = Self { read: true, write: true };
}
