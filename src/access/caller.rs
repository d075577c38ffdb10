//! The authenticated caller, the first argument of every domain function.

use std::fmt;
use std::str::FromStr;

use entity::ids::Tenant;
use tokio_util::sync::CancellationToken;

use crate::actor::Actor;
use crate::audit::Trail;
use crate::shares::Party;

/// The tenant of callers without a key.
pub const ANONYMOUS_TENANT: &str = "default";

/// The origin of an authenticated request. Created only by `http::auth`, the command line and tests.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant whose data the caller reads and changes.
    pub tenant: Tenant,
    /// What the caller may do.
    pub scopes: Scopes,
    /// How the caller was authenticated.
    pub actor: Actor,
    /// Cancelled when the caller's key is no longer valid; its open streams and sockets end then.
    pub revoked: CancellationToken,
    /// Records the caller's actions in the audit log.
    pub trail: Trail,
}

impl Caller {
    /// A caller whose access does not expire and whose actions are not audited yet.
    #[must_use]
    pub fn lasting(tenant: Tenant, scopes: Scopes, actor: Actor) -> Self {
        Self { tenant, scopes, actor, revoked: CancellationToken::new(), trail: Trail::default() }
    }

    /// The party whose shares of the limits this caller's requests count towards.
    #[must_use]
    pub fn party(&self) -> Party {
        Party::of(self.actor, &self.tenant)
    }
}

/// What a caller may do. The text form is `read`, `write` and `admin`, joined by `+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes {
    /// Queries and subscriptions.
    pub read: bool,
    /// Mutations.
    pub write: bool,
    /// Access to data of the whole server: its metrics.
    pub admin: bool,
}

impl Scopes {
    /// All scopes.
    pub const ALL: Self = Self { read: true, write: true, admin: true };
    /// `read+write`: full access to the tenant's own data.
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

/// A text that is no list of scopes.
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
