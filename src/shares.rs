//! Limits that many callers share, such as memory or open streams. However much one key, one tenant or one address
//! takes, a part of each limit is left for everybody else. Knows no HTTP.

use std::collections::HashMap;
use std::mem;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entity::ids::Tenant;
use tokio::sync::Notify;

use crate::caller::{Actor, Caller};
use crate::config::{Setting, Settings};

#[cfg(test)]
mod tests;

/// How much of each shared limit one party may hold: a percentage of what all others leave free.
#[derive(Clone, Copy, Debug)]
pub struct SharesConfig {
    /// For one key.
    pub key: u8,
    /// For all keys of one tenant together.
    pub tenant: u8,
    /// For one address, before a key is known.
    pub address: u8,
}

impl SharesConfig {
    /// Everybody may hold everything.
    pub const WHOLE: Self = Self { key: 100, tenant: 100, address: 100 };

    pub(crate) fn read(settings: &mut Settings) -> Self {
        let key = Setting {
            name: "FACEQL_KEY_SHARE_PERCENT",
            about: "Share of each limit on memory, requests, streams and waiting audit entries that one key may hold, \
                    in percent of what all others leave; the rest stays free for other keys. Callers without a key \
                    are not limited.",
        };
        let tenant = Setting {
            name: "FACEQL_TENANT_SHARE_PERCENT",
            about: "The same for all keys of one tenant together.",
        };
        let address = Setting {
            name: "FACEQL_ADDRESS_SHARE_PERCENT",
            about: "The same for one network address, for what is open or on its way before a key is known. All clients \
                    of a proxy have its address.",
        };
        Self {
            key: settings.number(key, 75, 1..=100),
            tenant: settings.number(tenant, 90, 1..=100),
            address: settings.number(address, 90, 1..=100),
        }
    }

    fn percent(self, holder: &Holder) -> u8 {
        match holder {
            Holder::Key(_) => self.key,
            Holder::Tenant(_) => self.tenant,
            Holder::Address(_) => self.address,
        }
    }
}

/// Somebody who has a share of each limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Key(Actor),
    Tenant(Tenant),
    Address(IpAddr),
}

/// On whose shares something counts; on nobody's for callers without a key. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party(Arc<[Holder]>);

impl Party {
    /// A caller's key and its tenant.
    #[must_use]
    pub fn caller(caller: &Caller) -> Self {
        match caller.actor {
            Actor::Anonymous | Actor::Shell => Self::nobody(),
            key => Self(Arc::new([Holder::Key(key), Holder::Tenant(caller.tenant.clone())])),
        }
    }

    /// Nobody: what counts on it is not limited.
    #[must_use]
    pub fn nobody() -> Self {
        Self(Arc::default())
    }

    /// An address; every IPv6 address counts as its network of 64 bits.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self(Arc::new([Holder::Address(network(address))]))
    }
}

/// The network that one client can be expected to have: the address itself, or the 64 bits that an IPv6 address begins
/// with.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        address @ IpAddr::V4(_) => address,
    }
}

/// Why nothing more is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Everything is in use.
    #[error("the server has too much to do; try again later")]
    All,
    /// The key holds its share.
    #[error("this key uses as much of the server as FACEQL_KEY_SHARE_PERCENT allows; try again later")]
    Key,
    /// The tenant holds its share.
    #[error("this tenant uses as much of the server as FACEQL_TENANT_SHARE_PERCENT allows; try again later")]
    Tenant,
    /// The address holds its share.
    #[error(
        "this address uses as much of the server as FACEQL_ADDRESS_SHARE_PERCENT allows; try again later"
    )]
    Address,
}

/// A limit on how much is in use at once, with a share for each party. Cloning shares it.
#[derive(Clone, Debug)]
pub struct SharedLimit(Arc<Limit>);

#[derive(Debug)]
struct Limit {
    total: u64,
    shares: SharesConfig,
    /// A share is never smaller: what one request may need at most.
    smallest_share: u64,
    in_use: Mutex<InUse>,
    /// Tells those who wait that something was given back.
    freed: Notify,
}

#[derive(Debug, Default)]
struct InUse {
    all: u64,
    /// Without those who hold nothing.
    by_holder: HashMap<Holder, u64>,
}

impl SharedLimit {
    /// A limit of `total`, of which everybody may hold the share that `shares` say.
    #[must_use]
    pub fn new(total: u64, shares: SharesConfig) -> Self {
        Self::with_smallest_share(total, shares, 1)
    }

    /// As [`Self::new`], where no share is smaller than `smallest_share`.
    #[must_use]
    pub fn with_smallest_share(total: u64, shares: SharesConfig, smallest_share: u64) -> Self {
        Self(Arc::new(Limit {
            total,
            shares,
            smallest_share,
            in_use: Mutex::default(),
            freed: Notify::new(),
        }))
    }

    /// Takes `amount` for `party`, for as long as what is returned lives.
    ///
    /// # Errors
    /// When there is not so much left, or not for this party.
    pub fn take(&self, party: &Party, amount: u64) -> Result<Held, Full> {
        let mut held = self.nothing(party);
        held.grow(amount)?;
        Ok(held)
    }

    /// Takes `amount` for `party` as soon as there is so much for it.
    pub async fn take_when_free(&self, party: &Party, amount: u64) -> Held {
        loop {
            let mut freed = pin!(self.0.freed.notified());
            // Before the look, so that nothing is missed that is given back right after it.
            freed.as_mut().enable();
            match self.take(party, amount) {
                Ok(held) => return held,
                Err(_) => freed.await,
            }
        }
    }

    /// What can grow later, for `party`.
    pub fn nothing(&self, party: &Party) -> Held {
        Held { limit: self.clone(), party: party.clone(), amount: 0 }
    }

    /// Whether `amount` could be taken now.
    ///
    /// # Errors
    /// When there is not so much left, or not for this party.
    pub fn check(&self, party: &Party, amount: u64) -> Result<(), Full> {
        self.0.admits(&self.0.lock(), party, amount)
    }
}

impl Limit {
    fn lock(&self) -> MutexGuard<'_, InUse> {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admits(&self, in_use: &InUse, party: &Party, amount: u64) -> Result<(), Full> {
        if in_use.all.saturating_add(amount) > self.total {
            return Err(Full::All);
        }
        for holder in &*party.0 {
            let own = in_use.by_holder.get(holder).copied().unwrap_or_default();
            let left_by_others = self.total.saturating_sub(in_use.all.saturating_sub(own));
            if own.saturating_add(amount) > self.share(holder, left_by_others) {
                return Err(match holder {
                    Holder::Key(_) => Full::Key,
                    Holder::Tenant(_) => Full::Tenant,
                    Holder::Address(_) => Full::Address,
                });
            }
        }
        Ok(())
    }

    fn share(&self, holder: &Holder, left_by_others: u64) -> u64 {
        let percent = u128::from(self.shares.percent(holder));
        let share = (u128::from(left_by_others) * percent).div_ceil(100);
        u64::try_from(share).unwrap_or(u64::MAX).max(self.smallest_share)
    }
}

impl InUse {
    fn add(&mut self, party: &Party, amount: u64) {
        if amount == 0 {
            return;
        }
        self.all = self.all.saturating_add(amount);
        for holder in &*party.0 {
            match self.by_holder.get_mut(holder) {
                Some(held) => *held = held.saturating_add(amount),
                None => _ = self.by_holder.insert(holder.clone(), amount),
            }
        }
    }

    fn subtract(&mut self, party: &Party, amount: u64) {
        self.all = self.all.saturating_sub(amount);
        for holder in &*party.0 {
            let Some(held) = self.by_holder.get_mut(holder) else { continue };
            *held = held.saturating_sub(amount);
            if *held == 0 {
                self.by_holder.remove(holder);
            }
        }
    }
}

/// A part of a limit that is in use until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Held {
    limit: SharedLimit,
    party: Party,
    amount: u64,
}

impl Held {
    /// How much it is.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// Takes so much more.
    ///
    /// # Errors
    /// When there is not so much left, or not for this party; what was held before still is.
    pub fn grow(&mut self, amount: u64) -> Result<(), Full> {
        let limit = &*self.limit.0;
        let mut in_use = limit.lock();
        limit.admits(&in_use, &self.party, amount)?;
        in_use.add(&self.party, amount);
        self.amount += amount;
        Ok(())
    }

    /// Holds so much from now on. Less is always possible.
    ///
    /// # Errors
    /// When there is not so much left, or not for this party; what was held before still is.
    pub fn resize(&mut self, amount: u64) -> Result<(), Full> {
        if amount > self.amount {
            return self.grow(amount - self.amount);
        }
        self.shrink(self.amount - amount);
        Ok(())
    }

    /// Holds so much from now on, even beyond the limit: others get less meanwhile.
    pub fn force(&mut self, amount: u64) {
        if self.resize(amount).is_err() {
            self.limit.0.lock().add(&self.party, amount - self.amount);
            self.amount = amount;
        }
    }

    /// Counts on `party` from now on.
    ///
    /// # Errors
    /// When there is not so much left for `party`; it counts on the same one as before then.
    pub fn pass_to(&mut self, party: &Party) -> Result<(), Full> {
        if self.party == *party {
            return Ok(());
        }
        let limit = &*self.limit.0;
        let mut in_use = limit.lock();
        in_use.subtract(&self.party, self.amount);
        let admitted = limit.admits(&in_use, party, self.amount);
        if admitted.is_ok() {
            self.party = party.clone();
        }
        in_use.add(&self.party, self.amount);
        drop(in_use);
        limit.freed.notify_waiters();
        admitted
    }

    /// All that is held, which this holds no longer.
    pub fn take_all(&mut self) -> Self {
        let mut all = self.another();
        all.amount = mem::take(&mut self.amount);
        all
    }

    /// Another part of the same limit for the same party, of nothing yet.
    pub fn another(&self) -> Self {
        self.limit.nothing(&self.party)
    }

    fn shrink(&mut self, amount: u64) {
        // Nothing given back wakes nobody: whoever waits would wake itself by every try.
        if amount == 0 {
            return;
        }
        self.limit.0.lock().subtract(&self.party, amount);
        self.amount -= amount;
        self.limit.0.freed.notify_waiters();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink(self.amount);
    }
}
