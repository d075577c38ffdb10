//! Who asks: the first argument of every domain function.

use std::fmt;
use std::str::FromStr;

use entity::ids::{ApiKeyId, Tenant};
use tokio_util::sync::CancellationToken;

use crate::audit::Trail;
use crate::type_id;

/// The tenant of those who need no key.
pub const ANONYMOUS_TENANT: &str = "default";

/// An authenticated request's origin. Made by `http::auth` alone (and by the command line and tests).
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose data is seen and changed.
    pub tenant: Tenant,
    /// What the caller may do.
    pub scopes: Scopes,
    /// By what it was let in.
    pub actor: Actor,
    /// Cancelled when what let it in does so no more: whatever goes on for it ends then.
    pub over: CancellationToken,
    /// What it leaves in the audit log.
    pub trail: Trail,
}

impl Caller {
    /// One whom nothing shuts out again, and who leaves no trail yet.
    #[must_use]
    pub fn lasting(tenant: Tenant, scopes: Scopes, actor: Actor) -> Self {
        Self { tenant, scopes, actor, over: CancellationToken::new(), trail: Trail::default() }
    }
}

/// By what a caller was let in: names nobody, and tells no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Nobody is asked for a key.
    Anonymous,
    /// The command line of the server's own machine.
    Shell,
    /// A key of the configuration, by its place there, from 1.
    Configured(usize),
    /// A key of the database.
    Key(ApiKeyId),
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => formatter.write_str("anonymous"),
            Self::Shell => formatter.write_str("shell"),
            Self::Configured(place) => write!(formatter, "configured-{place}"),
            Self::Key(id) => formatter.write_str(&type_id::show(*id)),
        }
    }
}

/// What a caller may do. Written as `read`, `write` and `admin`, joined by `+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes {
    /// Queries and subscriptions.
    pub read: bool,
    /// Mutations.
    pub write: bool,
    /// What concerns the whole server: its metrics.
    pub admin: bool,
}

impl Scopes {
    /// Everything there is.
    pub const ALL: Self = Self { read: true, write: true, admin: true };
    /// A tenant's own affairs.
    pub const TENANT: Self = Self { read: true, write: true, admin: false };

    fn named(self) -> impl Iterator<Item = &'static str> {
        let all = [("read", self.read), ("write", self.write), ("admin", self.admin)];
        all.into_iter().filter_map(|(name, has)| has.then_some(name))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.named().collect::<Vec<_>>().join("+"))
    }
}

/// What is no scope.
#[derive(Debug, thiserror::Error)]
#[error("scopes are read, write and admin, joined by +")]
pub struct UnknownScope;

impl FromStr for Scopes {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let mut scopes = Self { read: false, write: false, admin: false };
        for name in text.split('+') {
            let scope = match name.trim() {
                "read" => &mut scopes.read,
                "write" => &mut scopes.write,
                "admin" => &mut scopes.admin,
                _ => return Err(UnknownScope),
            };
            *scope = true;
        }
        Ok(scopes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_as_they_are_read() {
        for text in ["read", "read+write", "read+write+admin", "admin"] {
            assert_eq!(text.parse::<Scopes>().unwrap().to_string(), text);
        }
        assert_eq!("write+read".parse::<Scopes>().unwrap(), Scopes::TENANT);
        for wrong in ["", "all", "read+", "read,write"] {
            assert!(wrong.parse::<Scopes>().is_err(), "{wrong}");
        }
    }
}
