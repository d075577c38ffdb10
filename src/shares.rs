//! Limits that many callers share, such as memory or open streams. However much one key, one tenant or one address
//! takes, a part of each limit is left for everybody else. Knows no HTTP.

use std::collections::HashMap;
use std::mem;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entity::ids::Tenant;

use crate::caller::{Actor, Caller};
use crate::config::{Setting, Settings};

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
            about: "The same for one network address, for what is open before a key is known.",
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
#[derive(Clone, Debug)]
pub struct Party(Arc<[Holder]>);

impl Party {
    /// A caller's key and its tenant.
    #[must_use]
    pub fn caller(caller: &Caller) -> Self {
        match caller.actor {
            Actor::Anonymous | Actor::Shell => Self(Arc::default()),
            key => Self(Arc::new([Holder::Key(key), Holder::Tenant(caller.tenant.clone())])),
        }
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
        Self(Arc::new(Limit { total, shares, smallest_share, in_use: Mutex::default() }))
    }

    /// Takes `amount` for `party`, for as long as what is returned lives.
    ///
    /// # Errors
    /// When there is not so much left, or not for this party.
    pub fn take(&self, party: &Party, amount: u64) -> Result<Held, Full> {
        let mut held = Held { limit: self.clone(), party: party.clone(), amount: 0 };
        held.grow(amount)?;
        Ok(held)
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

    /// All that is held, which this holds no longer.
    pub fn take_all(&mut self) -> Self {
        let mut all = self.another();
        all.amount = mem::take(&mut self.amount);
        all
    }

    /// Another part of the same limit for the same party, of nothing yet.
    pub fn another(&self) -> Self {
        Self { limit: self.limit.clone(), party: self.party.clone(), amount: 0 }
    }

    fn shrink(&mut self, amount: u64) {
        self.limit.0.lock().subtract(&self.party, amount);
        self.amount -= amount;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink(self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Scopes;

    const SHARES: SharesConfig = SharesConfig { key: 75, tenant: 90, address: 50 };

    fn key(tenant: &str, number: usize) -> Party {
        let tenant = Tenant::parse(tenant).unwrap();
        Party::caller(&Caller::lasting(tenant, Scopes::ALL, Actor::Configured(number)))
    }

    /// Takes one after the other until there is no more, and tells why.
    fn exhaust(limit: &SharedLimit, party: &Party) -> (Vec<Held>, Full) {
        let mut held = Vec::new();
        loop {
            match limit.take(party, 1) {
                Ok(one) => held.push(one),
                Err(full) => return (held, full),
            }
        }
    }

    #[test]
    fn whatever_one_key_and_one_tenant_hold_another_finds_something_left() {
        let limit = SharedLimit::new(256, SHARES);
        let (first, why) = exhaust(&limit, &key("greedy", 1));
        assert_eq!((first.len(), why), (192, Full::Key));
        let (second, why) = exhaust(&limit, &key("greedy", 2));
        assert_eq!((second.len(), why), (39, Full::Tenant), "nine tenths of 256 together");
        let (other, why) = exhaust(&limit, &key("other", 3));
        assert_eq!((other.len(), why), (19, Full::Key), "three quarters of what is left");
        drop(first);
        assert!(exhaust(&limit, &key("other", 3)).0.len() > 100);
        drop((second, other));
        assert!(limit.0.lock().by_holder.is_empty(), "nobody is remembered who holds nothing");
    }

    #[test]
    fn callers_without_a_key_may_hold_everything() {
        let limit = SharedLimit::new(10, SHARES);
        let tenant = Tenant::parse("default").unwrap();
        let anonymous = Party::caller(&Caller::lasting(tenant, Scopes::ALL, Actor::Anonymous));
        let (held, why) = exhaust(&limit, &anonymous);
        assert_eq!((held.len(), why), (10, Full::All));
    }

    #[test]
    fn an_address_has_its_share_and_an_ipv6_network_is_one() {
        let limit = SharedLimit::new(8, SHARES);
        let address = |text: &str| Party::address(text.parse().unwrap());
        let (held, why) = exhaust(&limit, &address("2001:db8::1"));
        assert_eq!((held.len(), why), (4, Full::Address));
        assert_eq!(limit.take(&address("2001:db8::2"), 1).unwrap_err(), Full::Address);
        let (_held, _) = exhaust(&limit, &address("192.0.2.1"));
        assert_eq!(limit.take(&address("::ffff:192.0.2.1"), 1).unwrap_err(), Full::Address);
    }

    #[test]
    fn a_share_is_never_smaller_than_what_one_request_may_need() {
        let limit = SharedLimit::with_smallest_share(100, SHARES, 95);
        let party = key("only", 1);
        assert_eq!(limit.check(&party, 96), Err(Full::Key));
        let held = limit.take(&party, 95).unwrap();
        assert_eq!(limit.check(&party, 6), Err(Full::All));
        drop(held);
        assert!(SharedLimit::new(1, SHARES).take(&party, 1).is_ok());
    }

    #[test]
    fn what_is_held_can_change_and_is_given_back_whole() {
        let limit = SharedLimit::new(100, SHARES);
        let mut held = limit.take(&key("a", 1), 10).unwrap();
        held.grow(60).unwrap();
        assert_eq!(held.grow(10), Err(Full::Key));
        assert_eq!((held.amount(), held.resize(5)), (70, Ok(())));
        let mut other = held.another();
        other.grow(70).unwrap();
        held.force(50);
        assert_eq!(limit.0.lock().all, 120, "more than there is");
        assert_eq!(limit.check(&key("b", 2), 1), Err(Full::All));
        let moved = held.take_all();
        assert_eq!((held.amount(), moved.amount()), (0, 50));
        drop((held, other, moved));
        let in_use = limit.0.lock();
        assert!(in_use.all == 0 && in_use.by_holder.is_empty(), "{in_use:?}");
    }
}
