//! API keys from the configuration, as an alternative to keys in the database.

use std::collections::HashSet;
use std::fmt;

use entity::ids::Tenant;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::access::caller::{Caller, Scopes};
use crate::actor::Actor;

/// Minimum length of a key; shorter ones could be guessed.
const MIN_KEY_BYTES: usize = 16;

/// A key from the configuration. Only its SHA-256 is kept.
#[derive(Clone)]
pub struct ApiKey {
    tenant: Tenant,
    scopes: Scopes,
    digest: [u8; 32],
}

impl ApiKey {
    /// Parses keys of the form `tenant:key` or `tenant:key:scopes`, separated by commas. `None` when one is malformed
    /// or occurs twice, since its tenant would be ambiguous.
    #[must_use]
    pub fn parse_list(text: &str) -> Option<Vec<Self>> {
        let keys: Vec<Self> = text.split(',').map(|key| Self::parse(key.trim())).collect::<Option<_>>()?;
        let different: HashSet<_> = keys.iter().map(|key| key.digest).collect();
        (different.len() == keys.len()).then_some(keys)
    }

    fn parse(text: &str) -> Option<Self> {
        let (tenant, rest) = text.split_once(':')?;
        let (key, scopes) = match rest.split_once(':') {
            None => (rest, Scopes::TENANT),
            Some((key, scopes)) => (key, scopes.parse().ok()?),
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

/// The caller with this key. Compares all keys in constant time, so that the duration reveals nothing.
pub(in crate::http) fn find(keys: &[ApiKey], key: &str) -> Option<Caller> {
    let digest: [u8; 32] = Sha256::digest(key).into();
    let mut place = 0_u32;
    for (index, known) in (1..).zip(keys) {
        let same: Choice = known.digest.ct_eq(&digest);
        place.conditional_assign(&index, same);
    }
    let place = place as usize;
    let ApiKey { tenant, scopes, .. } = keys.get(place.checked_sub(1)?)?;
    Some(Caller::lasting(tenant.clone(), *scopes, Actor::Configured(place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef";

    #[test]
    fn a_key_names_its_tenant_and_scopes() {
        let keys =
            ApiKey::parse_list(&format!("acme:{KEY}, other:{KEY}2:read, acme:{KEY}3:admin+read")).unwrap();
        let find = |key: &str| find(&keys, key);

        let first = find(KEY).unwrap();
        assert_eq!((first.tenant.as_str(), first.scopes), ("acme", Scopes::TENANT));
        let other = find("0123456789abcdef2").unwrap();
        assert_eq!((other.tenant.as_str(), other.scopes.write), ("other", false));
        assert_eq!(other.actor, Actor::Configured(2));
        assert!(find("0123456789abcdef3").unwrap().scopes.admin);
        assert!(find("wrong").is_none());
    }

    #[test]
    fn malformed_keys_are_refused_and_no_key_is_shown() {
        for wrong in ["", "acme", "acme:short", "Acme:0123456789abcdef", "acme:0123456789abcdef:all"] {
            assert!(ApiKey::parse_list(wrong).is_none(), "{wrong}");
        }
        assert!(ApiKey::parse_list(&format!("acme:{KEY},other:{KEY}")).is_none(), "one key, two tenants");
        let keys = ApiKey::parse_list(&format!("acme:{KEY}")).unwrap();
        assert!(!format!("{keys:?}").contains(KEY));
    }
}
