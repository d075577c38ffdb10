//! Authentication: an API key in `X-API-Key` or `Authorization: Bearer`, or anonymous access while no key exists.

pub(super) mod configured_key;
pub(super) mod cors;
pub(super) mod failed_auth_limit;
pub(super) mod origin_guard;

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::http::{Extensions, HeaderMap, header};
use entity::ids::Tenant;

use super::graphql::refusal::Refusal;
use super::listener::account::Account;
use crate::access::caller::{ANONYMOUS_TENANT, Caller, Scopes};
use crate::access::keys::{Keys, KnownKey, Unread};
use crate::actor::Actor;
use crate::graphql::{ApiError, ErrorCode};
use configured_key::ApiKey;
use failed_auth_limit::FailedAuthLimit;

/// Authenticates callers by their keys. Clones share its state.
#[derive(Clone)]
pub struct Authenticator(Arc<Doors>);

struct Doors {
    configured: Vec<ApiKey>,
    stored: Option<Keys>,
    strangers: FailedAuthLimit,
}

impl Authenticator {
    /// Requires one of the `configured` or `stored` keys; while none exists, every caller is authenticated as the
    /// anonymous tenant. `tries_per_minute` limits the failed attempts of one address.
    #[must_use]
    pub fn new(configured: Vec<ApiKey>, stored: Option<Keys>, tries_per_minute: NonZeroU32) -> Self {
        Self(Arc::new(Doors { configured, stored, strangers: FailedAuthLimit::new(tries_per_minute) }))
    }

    /// Whether a key is required.
    #[must_use]
    pub fn asks_for_key(&self) -> bool {
        !self.0.configured.is_empty() || self.0.stored.as_ref().is_some_and(Keys::exist)
    }

    /// Authenticates a request. From then on its connection counts towards the caller's shares.
    pub(super) async fn by_request(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Caller, Refusal> {
        let caller = self.by_key(key_in(headers), address(extensions)).await?;
        if let Some(account) = extensions.get::<Account>() {
            account.pass_to(&caller.party())?;
        }
        Ok(caller)
    }

    /// Authenticates by a key. The response is the same for a missing and a wrong key.
    pub(super) async fn by_key(&self, key: Option<&str>, address: IpAddr) -> Result<Caller, Refusal> {
        // Failures are counted last: a valid key is accepted however many failures its address has caused.
        let found = match key {
            Some(key) => self.find(key).await?,
            None => None,
        };
        if let Some(caller) = found.or_else(|| self.anonymous()) {
            return Ok(caller);
        }
        self.0.strangers.count(address).map_err(|wait| {
            ApiError::rate_limited(wait, "too many requests without a valid API key; try again later")
        })?;
        Err(Refusal::new(
            ErrorCode::Unauthenticated,
            "a valid API key is required, as X-API-Key or as Authorization: Bearer",
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
                "the database is not available at the moment; try again later",
            )
        })?;
        Ok(found.as_deref().map(caller))
    }

    /// The anonymous caller, while no key is required.
    fn anonymous(&self) -> Option<Caller> {
        if self.asks_for_key() {
            return None;
        }
        let tenant = Tenant::parse(ANONYMOUS_TENANT)?;
        let mut caller = Caller::lasting(tenant, Scopes::ALL, Actor::Anonymous);
        if let Some(keys) = &self.0.stored {
            caller.revoked = keys.first_is_made();
        }
        Some(caller)
    }
}

fn caller(key: &KnownKey) -> Caller {
    let KnownKey { id, tenant, scopes, revoked, .. } = key;
    Caller { revoked: revoked.clone(), ..Caller::lasting(tenant.clone(), *scopes, Actor::Key(*id)) }
}

/// The client address of a request.
pub(super) fn address(extensions: &Extensions) -> IpAddr {
    // Every connection has an account; requests without one would share this address.
    extensions.get().map_or(Ipv4Addr::UNSPECIFIED.into(), Account::address)
}

pub(super) fn key_in(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text("x-api-key").or_else(|| text(header::AUTHORIZATION.as_str()).and_then(bearer))
}

/// The key in an `Authorization` header with the scheme `Bearer`.
pub(super) fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, key) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
