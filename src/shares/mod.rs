//! Limits shared by all callers, such as memory or open streams. However much one key, tenant or address takes, part of
//! each limit remains for all others. Independent of HTTP.

use std::collections::HashMap;
use std::mem;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use entity::ids::Tenant;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::actor::Actor;
use crate::settings::section;

#[cfg(test)]
mod tests;

section! {
    /// How much of each shared limit one party may hold, as a percentage of what all others leave free.
    #[derive(Clone, Copy, Debug)]
    pub struct SharesConfig {
        /// Share of each limit on memory, requests, streams and pending audit entries that one key may hold, in percent of
        /// what all others leave free. Callers without a key are not limited.
        pub key: u8 = number("FACEQL_KEY_SHARE_PERCENT", 75, 1..=100),
        /// The same for all keys of one tenant together.
        pub tenant: u8 = number("FACEQL_TENANT_SHARE_PERCENT", 90, 1..=100),
        /// The same for one network address, for what is open or arriving before its callers are authenticated. Behind a
        /// proxy all clients share the proxy's address.
        pub address: u8 = number("FACEQL_ADDRESS_SHARE_PERCENT", 90, 1..=100),
    }
}

impl SharesConfig {
    /// No shares: one party may use a limit completely.
    pub const WHOLE: Self = Self { key: 100, tenant: 100, address: 100 };

    fn percent(self, holder: &Holder) -> u8 {
        match holder {
            Holder::Key(_) => self.key,
            Holder::Tenant(_) => self.tenant,
            Holder::Address(_) => self.address,
        }
    }
}

/// A key, tenant or address, each of which has a share of each limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Key(Actor),
    Tenant(Tenant),
    Address(IpAddr),
}

/// The holders whose shares a use counts towards; none for callers without a key. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party(Arc<[Holder]>);

impl Party {
    /// A key and its tenant; no holder for callers without a key.
    #[must_use]
    pub fn of(actor: Actor, tenant: &Tenant) -> Self {
        match actor {
            Actor::Anonymous | Actor::Shell => Self::unlimited(),
            key => Self(Arc::new([Holder::Key(key), Holder::Tenant(tenant.clone())])),
        }
    }

    /// No holder: use counts towards the total only.
    #[must_use]
    pub fn unlimited() -> Self {
        Self(Arc::default())
    }

    /// An address; an IPv6 address counts as its /64 network.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self(Arc::new([Holder::Address(network(address))]))
    }
}

/// The network that one client is assumed to control: an IPv4 address itself, or the /64 network of an IPv6 address.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        address @ IpAddr::V4(_) => address,
    }
}

/// Why a request for more was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The limit is in use completely.
    #[error("the server is overloaded; try again later")]
    All,
    /// The key has reached its share.
    #[error("this key uses as much of the server as FACEQL_KEY_SHARE_PERCENT allows; try again later")]
    Key,
    /// The tenant has reached its share.
    #[error("this tenant uses as much of the server as FACEQL_TENANT_SHARE_PERCENT allows; try again later")]
    Tenant,
    /// The address has reached its share.
    #[error(
        "this address uses as much of the server as FACEQL_ADDRESS_SHARE_PERCENT allows; try again later"
    )]
    Address,
}

/// A limit on concurrent use, with a share for each party. Clones share the limit.
#[derive(Clone, Debug)]
pub struct SharedLimit(Arc<Limit>);

#[derive(Debug)]
struct Limit {
    total: u64,
    shares: SharesConfig,
    /// The lower bound of every share: the maximum that one request may need.
    smallest_share: u64,
    in_use: Mutex<InUse>,
    /// Notifies waiters that something was released.
    freed: Notify,
}

#[derive(Debug, Default)]
struct InUse {
    all: u64,
    /// Contains no holder with an amount of zero.
    by_holder: HashMap<Holder, u64>,
}

impl SharedLimit {
    /// A limit of `total` in which each party may hold the share defined by `shares`.
    #[must_use]
    pub fn new(total: u64, shares: SharesConfig) -> Self {
        Self::with_smallest_share(total, shares, 1)
    }

    /// Like [`Self::new`], with a lower bound for every share.
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

    /// Takes `amount` for `party` until the returned value is dropped.
    ///
    /// # Errors
    /// When `amount` exceeds what is left in total or for this party.
    pub fn take(&self, party: &Party, amount: u64) -> Result<Held, Full> {
        let mut held = self.nothing(party);
        held.grow(amount)?;
        Ok(held)
    }

    /// Takes `amount` for `party` and waits until it is available.
    pub async fn take_when_free(&self, party: &Party, amount: u64) -> Held {
        loop {
            let mut freed = pin!(self.0.freed.notified());
            // Registers before trying, so that a release right after the attempt is not missed.
            freed.as_mut().enable();
            match self.take(party, amount) {
                Ok(held) => return held,
                Err(_) => freed.await,
            }
        }
    }

    /// An empty amount for `party` that can grow later.
    pub fn nothing(&self, party: &Party) -> Held {
        Held { limit: self.clone(), party: party.clone(), amount: 0 }
    }

    /// Checks whether `amount` could be taken now.
    ///
    /// # Errors
    /// When `amount` exceeds what is left in total or for this party.
    pub fn check(&self, party: &Party, amount: u64) -> Result<(), Full> {
        self.0.admits(&self.0.lock(), party, amount)
    }
}

impl Limit {
    fn lock(&self) -> MutexGuard<'_, InUse> {
        self.in_use.lock()
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

/// Part of a limit, in use until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Held {
    limit: SharedLimit,
    party: Party,
    amount: u64,
}

impl Held {
    /// The amount that is held.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// Takes `amount` in addition.
    ///
    /// # Errors
    /// When it exceeds what is left in total or for this party. The held amount is unchanged then.
    pub fn grow(&mut self, amount: u64) -> Result<(), Full> {
        let limit = &*self.limit.0;
        let mut in_use = limit.lock();
        limit.admits(&in_use, &self.party, amount)?;
        in_use.add(&self.party, amount);
        self.amount += amount;
        Ok(())
    }

    /// Changes the held amount to `amount`. Shrinking always succeeds.
    ///
    /// # Errors
    /// When growing exceeds what is left in total or for this party. The held amount is unchanged then.
    pub fn resize(&mut self, amount: u64) -> Result<(), Full> {
        if amount > self.amount {
            return self.grow(amount - self.amount);
        }
        self.shrink(self.amount - amount);
        Ok(())
    }

    /// Changes the held amount to `amount`, even beyond the limit; less is left for others meanwhile.
    pub fn force(&mut self, amount: u64) {
        if self.resize(amount).is_err() {
            self.limit.0.lock().add(&self.party, amount - self.amount);
            self.amount = amount;
        }
    }

    /// Transfers the held amount to `party`.
    ///
    /// # Errors
    /// When `party` has not enough left. The amount stays with the previous party then.
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

    /// Moves the whole amount into a new value and leaves zero here.
    pub fn take_all(&mut self) -> Self {
        let mut all = self.another();
        all.amount = mem::take(&mut self.amount);
        all
    }

    /// A new, empty amount of the same limit for the same party.
    pub fn another(&self) -> Self {
        self.limit.nothing(&self.party)
    }

    fn shrink(&mut self, amount: u64) {
        // A waiter drops an empty amount at each failed attempt; notifying here would wake it in a loop.
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
