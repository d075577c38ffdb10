//! Who calls: an API key in `X-API-Key` or `Authorization: Bearer`, or nobody where no key is asked for.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use entity::ids::Tenant;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::refusal::Refusal;
use crate::caller::{ANONYMOUS_TENANT, Caller, Scopes};
use crate::graphql::ErrorCode;

/// Shorter keys can be guessed.
const MIN_KEY_BYTES: usize = 16;

/// A key from the configuration. Only its digest is kept.
#[derive(Clone)]
pub struct ApiKey {
    tenant: Tenant,
    scopes: Scopes,
    digest: [u8; 32],
}

impl ApiKey {
    /// Keys written as `tenant:key` or `tenant:key:read`, separated by commas. `None` when one is malformed, or there
    /// twice: whose it is would be a matter of order.
    #[must_use]
    pub fn parse_list(text: &str) -> Option<Vec<Self>> {
        let keys: Vec<Self> = text.split(',').map(|key| Self::parse(key.trim())).collect::<Option<_>>()?;
        let different: HashSet<_> = keys.iter().map(|key| key.digest).collect();
        (different.len() == keys.len()).then_some(keys)
    }

    fn parse(text: &str) -> Option<Self> {
        let (tenant, rest) = text.split_once(':')?;
        let (key, scopes) = match rest.split_once(':') {
            None => (rest, Scopes::ALL),
            Some((key, "read")) => (key, Scopes { write: false, ..Scopes::ALL }),
            Some(_) => return None,
        };
        let tenant = Tenant::parse(tenant)?;
        (key.len() >= MIN_KEY_BYTES).then(|| Self { tenant, scopes, digest: Sha256::digest(key).into() })
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ApiKey({}, …)", self.tenant)
    }
}

/// Tells callers by their keys. Cloning shares it.
#[derive(Clone)]
pub struct Authenticator(Arc<Mode>);

enum Mode {
    Keys(Vec<ApiKey>),
    Anonymous(Tenant),
}

impl Authenticator {
    /// Asks for one of `keys`; with none, lets everybody in as one tenant.
    #[must_use]
    pub fn new(keys: Vec<ApiKey>) -> Self {
        let mode = match Tenant::parse(ANONYMOUS_TENANT) {
            Some(tenant) if keys.is_empty() => Mode::Anonymous(tenant),
            _ => Mode::Keys(keys),
        };
        Self(Arc::new(mode))
    }

    /// Whether a key is asked for.
    #[must_use]
    pub fn asks_for_key(&self) -> bool {
        matches!(*self.0, Mode::Keys(_))
    }

    /// The caller with the key in `headers`.
    pub(super) fn by_headers(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        self.by_key(key_in(headers))
    }

    /// The caller with this key. The answer is the same for a missing and a wrong key.
    pub(super) fn by_key(&self, key: Option<&str>) -> Result<Caller, Refusal> {
        let known = match &*self.0 {
            Mode::Anonymous(tenant) => Some((tenant, Scopes::ALL)),
            Mode::Keys(keys) => find(keys, key).map(|key| (&key.tenant, key.scopes)),
        };
        let refusal = || Refusal::new(ErrorCode::Unauthenticated, "a valid API key is needed");
        let (tenant, scopes) = known.ok_or_else(refusal)?;
        Ok(Caller { tenant: tenant.clone(), scopes })
    }
}

/// Looks at every key, whichever fits, so that the time taken says nothing.
fn find<'a>(keys: &'a [ApiKey], key: Option<&str>) -> Option<&'a ApiKey> {
    let digest: [u8; 32] = Sha256::digest(key?).into();
    let mut found = u32::MAX;
    for (index, known) in (0..).zip(keys) {
        let same: Choice = known.digest.ct_eq(&digest);
        found.conditional_assign(&index, same);
    }
    keys.get(found as usize)
}

fn key_in(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text("x-api-key").or_else(|| text(header::AUTHORIZATION.as_str()).and_then(bearer))
}

/// The key in the value of an `Authorization` header.
pub(super) fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, key) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef";

    #[test]
    fn a_key_names_its_tenant_and_scopes() {
        let keys = ApiKey::parse_list(&format!("acme:{KEY}, other:{KEY}2:read")).unwrap();
        let authenticator = Authenticator::new(keys);
        let by_key = |key| authenticator.by_key(key);

        assert_eq!(by_key(Some(KEY)).unwrap().tenant.as_str(), "acme");
        let other = by_key(Some("0123456789abcdef2")).unwrap();
        assert_eq!((other.tenant.as_str(), other.scopes.write), ("other", false));
        assert!(by_key(Some("wrong")).is_err());
        assert!(by_key(None).is_err());
    }

    #[test]
    fn malformed_keys_are_refused_and_no_key_is_shown() {
        for wrong in ["", "acme", "acme:short", "Acme:0123456789abcdef", "acme:0123456789abcdef:admin"] {
            assert!(ApiKey::parse_list(wrong).is_none(), "{wrong}");
        }
        assert!(ApiKey::parse_list(&format!("acme:{KEY},other:{KEY}")).is_none(), "one key, two tenants");
        let keys = ApiKey::parse_list(&format!("acme:{KEY}")).unwrap();
        assert!(!format!("{keys:?}").contains(KEY));
    }
}
