//! Who calls: an API key in `X-API-Key` or `Authorization: Bearer`, or nobody where no key is asked for.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::http::{Extensions, HeaderMap, header};
use entity::ids::Tenant;

use super::account::Account;
use super::configured_key::{self, ApiKey};
use super::refusal::Refusal;
use super::strangers::Strangers;
use crate::caller::{ANONYMOUS_TENANT, Actor, Caller, Scopes};
use crate::graphql::{ApiError, ErrorCode};
use crate::keys::{Keys, KnownKey, Unread};
use crate::shares::Party;

/// Tells callers by their keys. Cloning shares it.
#[derive(Clone)]
pub struct Authenticator(Arc<Doors>);

struct Doors {
    configured: Vec<ApiKey>,
    stored: Option<Keys>,
    strangers: Strangers,
}

impl Authenticator {
    /// Asks for one of the `configured` or `stored` keys; while there is none, lets everybody in as one tenant. One
    /// address may try so many unknown keys a minute.
    #[must_use]
    pub fn new(configured: Vec<ApiKey>, stored: Option<Keys>, tries_per_minute: NonZeroU32) -> Self {
        Self(Arc::new(Doors { configured, stored, strangers: Strangers::new(tries_per_minute) }))
    }

    /// Whether a key is asked for.
    #[must_use]
    pub fn asks_for_key(&self) -> bool {
        !self.0.configured.is_empty() || self.0.stored.as_ref().is_some_and(Keys::exist)
    }

    /// The caller of a request, on whom its connection counts from now on.
    pub(super) async fn by_request(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Caller, Refusal> {
        let caller = self.by_key(key_in(headers), address(extensions)).await?;
        if let Some(account) = extensions.get::<Account>() {
            account.pass_to(&Party::caller(&caller))?;
        }
        Ok(caller)
    }

    /// The caller at this address with this key. The answer is the same for a missing and a wrong key.
    pub(super) async fn by_key(&self, key: Option<&str>, address: IpAddr) -> Result<Caller, Refusal> {
        // Strangers are counted last: a valid key that comes from their address is let in however many they are.
        let found = match key {
            Some(key) => self.find(key).await?,
            None => None,
        };
        if let Some(caller) = found.or_else(|| self.anybody()) {
            return Ok(caller);
        }
        self.0.strangers.count(address).map_err(|wait| {
            ApiError::rate_limited(wait, "too many requests without a valid API key; try again later")
        })?;
        Err(Refusal::new(
            ErrorCode::Unauthenticated,
            "a valid API key is needed, as X-API-Key or as Authorization: Bearer",
        ))
    }

    async fn find(&self, key: &str) -> Result<Option<Caller>, Refusal> {
        let Doors { configured, stored, .. } = &*self.0;
        if let Some(caller) = configured_key::find(configured, key) {
            return Ok(Some(caller));
        }
        let Some(stored) = stored else { return Ok(None) };
        let found = stored.find(key).await.map_err(|Unread| {
            Refusal::new(
                ErrorCode::StorageUnavailable,
                "the database does not work at the moment; try again later",
            )
        })?;
        Ok(found.as_deref().map(caller))
    }

    /// Everybody, while no key is asked for.
    fn anybody(&self) -> Option<Caller> {
        if self.asks_for_key() {
            return None;
        }
        let tenant = Tenant::parse(ANONYMOUS_TENANT)?;
        let mut caller = Caller::lasting(tenant, Scopes::ALL, Actor::Anonymous);
        if let Some(keys) = &self.0.stored {
            caller.over = keys.first_is_made();
        }
        Some(caller)
    }
}

fn caller(key: &KnownKey) -> Caller {
    let KnownKey { id, tenant, scopes, over, .. } = key;
    Caller { over: over.clone(), ..Caller::lasting(tenant.clone(), *scopes, Actor::Key(*id)) }
}

/// Where a request comes from.
pub(super) fn address(extensions: &Extensions) -> IpAddr {
    // Every connection has an account; requests that came by none would share this address.
    extensions.get().map_or(Ipv4Addr::UNSPECIFIED.into(), Account::address)
}

pub(super) fn key_in(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text("x-api-key").or_else(|| text(header::AUTHORIZATION.as_str()).and_then(bearer))
}

/// The key in the value of an `Authorization` header.
pub(super) fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, key) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
