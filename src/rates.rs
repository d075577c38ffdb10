//! How fast one key may spend: the cost of its queries, and the bytes that it sends. Whoever saves up may spend in a burst.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::caller::Actor;
use crate::config::{Setting, Settings};

/// Nanoseconds.
const SECOND: u64 = 1_000_000_000;
/// Nanoseconds.
const MINUTE: u64 = 60 * SECOND;

/// What bytes are counted in.
const UNIT_BYTES: u64 = 1024;

/// How fast one key may spend. Zero: as fast as it likes.
#[derive(Clone, Debug)]
pub struct RatesConfig {
    /// The cost of queries, in a second.
    pub cost_per_second: u32,
    /// Bytes of requests in a minute, in MiB.
    pub upload_mib_per_minute: u32,
}

impl RatesConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let cost = Setting {
            name: "FACEQL_RATE_COST_PER_SECOND",
            about: "What the queries of one key may cost in a second, and FACEQL_MAX_QUERY_COST at once; 0: no limit.",
        };
        let upload = Setting {
            name: "FACEQL_RATE_UPLOAD_MIB_PER_MINUTE",
            about: "What one key may send in a minute, in MiB, and FACEQL_MAX_REQUEST_BYTES at once; 0: no limit.",
        };
        Self {
            cost_per_second: settings.number(cost, 1_000_000, 0..=1_000_000_000),
            upload_mib_per_minute: settings.number(upload, 4096, 0..=4_000_000),
        }
    }
}

/// What every key has left. Cloning shares it.
#[derive(Clone)]
pub struct Rates {
    cost: Option<Arc<Purse>>,
    upload: Option<Arc<Purse>>,
}

/// What is left after something was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// How much there is at most.
    pub burst: u32,
    /// How long it takes to save up as much.
    pub window: Duration,
    /// How much there is now.
    pub remaining: u32,
}

/// Too little is left. Nothing was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// After how long there will be enough.
    pub wait: Duration,
    /// What there is, said as nothing: it is not enough.
    pub left: Left,
}

impl Rates {
    /// The rates of `config`, in which `largest_cost` and `largest_request` (in bytes) can be spent at once.
    #[must_use]
    pub fn new(config: &RatesConfig, largest_cost: usize, largest_request: usize) -> Self {
        let units = |bytes: u64| u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let per_minute = units(u64::from(config.upload_mib_per_minute) << 20);
        Self {
            cost: Purse::new(config.cost_per_second, SECOND, largest_cost),
            upload: Purse::new(per_minute, MINUTE, units(largest_request as u64) as usize),
        }
    }

    /// Spends the cost of a query; tells what is left, where there is a limit.
    ///
    /// # Errors
    /// When not so much is left.
    pub fn spend_cost(&self, actor: Actor, cost: usize) -> Result<Option<Left>, Short> {
        self.spend_rest(actor, cost, 0)
    }

    /// Spends what it costs to read a query that may come to nothing, or all that can be spent at once if that is less.
    /// Tells how much it was.
    ///
    /// # Errors
    /// When not so much is left.
    pub fn deposit(&self, actor: Actor, cost: usize) -> Result<usize, Short> {
        let Some(purse) = &self.cost else { return Ok(0) };
        let deposit = u32::try_from(cost).unwrap_or(u32::MAX).min(purse.burst);
        purse.spend(actor, deposit, 0).map(|_| deposit as usize)
    }

    /// Spends the cost of a query, of which `deposit` was spent before; gives back what that was too much. Tells what is
    /// left, where there is a limit.
    ///
    /// # Errors
    /// When not so much is left. Nothing is given back then.
    pub fn spend_rest(&self, actor: Actor, cost: usize, deposit: usize) -> Result<Option<Left>, Short> {
        let whole = |amount| u32::try_from(amount).unwrap_or(u32::MAX);
        self.cost.as_ref().map(|purse| purse.spend(actor, whole(cost), whole(deposit))).transpose()
    }

    /// Spends the bytes of a request.
    ///
    /// # Errors
    /// When not so many are left.
    pub fn spend_bytes(&self, actor: Actor, bytes: u64) -> Result<(), Short> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        self.upload.as_ref().map(|purse| purse.spend(actor, units, 0)).transpose().map(drop)
    }
}

/// One kind of what is spent, for each key. A key saves up `rate` in `period` nanoseconds, and no more than `burst`.
struct Purse {
    rate: u64,
    period: u64,
    burst: u32,
    savings: Mutex<HashMap<Actor, Savings>>,
}

/// What a key had at some time, in parts: as many parts are one as the period has nanoseconds, so that none is lost.
struct Savings {
    parts: u128,
    at: Instant,
}

impl Purse {
    /// `None` for a rate of zero.
    fn new(rate: u32, period: u64, largest: usize) -> Option<Arc<Self>> {
        let rate = NonZeroU32::new(rate)?.get();
        let burst = u32::try_from(largest).map_or(rate, |largest| rate.max(largest));
        Some(Arc::new(Self { rate: rate.into(), period, burst, savings: Mutex::default() }))
    }

    fn spend(&self, actor: Actor, amount: u32, deposit: u32) -> Result<Left, Short> {
        let mut savings = self.savings.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, full) = (Instant::now(), self.parts(self.burst));
        let savings = savings.entry(actor).or_insert(Savings { parts: full, at: now });
        let passed = now.saturating_duration_since(savings.at).as_nanos();
        let saved = savings.parts.saturating_add(passed.saturating_mul(self.rate.into())).min(full);
        *savings = Savings { parts: saved, at: now };
        let due = self.parts(amount.max(1));
        let Some(left) = (saved + self.parts(deposit)).checked_sub(due) else {
            // There is never more than a burst; who asks for more was refused before, for its cost or its size.
            let missing = if due > full { full } else { due.saturating_sub(saved) };
            return Err(Short { wait: self.time_for(missing), left: self.left(0) });
        };
        savings.parts = left.min(full);
        Ok(self.left(savings.parts))
    }

    fn parts(&self, amount: u32) -> u128 {
        u128::from(amount) * u128::from(self.period)
    }

    /// How long it takes to save up so many parts.
    fn time_for(&self, parts: u128) -> Duration {
        Duration::from_nanos(u64::try_from(parts.div_ceil(self.rate.into())).unwrap_or(u64::MAX))
    }

    fn left(&self, parts: u128) -> Left {
        let remaining = u32::try_from(parts / u128::from(self.period)).unwrap_or(u32::MAX);
        Left { burst: self.burst, window: self.time_for(self.parts(self.burst)), remaining }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_spends_its_own_and_what_is_too_much_is_not_spent() {
        let config = RatesConfig { cost_per_second: 10, upload_mib_per_minute: 1 };
        let rates = Rates::new(&config, 100, 2 << 20);
        let (one, other) = (Actor::Configured(1), Actor::Configured(2));

        assert_eq!(rates.spend_cost(one, 60).unwrap().unwrap().remaining, 40);
        let Short { wait, left } = rates.spend_cost(one, 60).unwrap_err();
        assert_eq!((left.burst, left.remaining), (100, 0));
        assert!(wait <= Duration::from_secs(2) && wait > Duration::from_secs(1), "{wait:?}");
        let left = rates.spend_cost(other, 60).unwrap().unwrap();
        assert_eq!((left.remaining, left.burst, left.window), (40, 100, Duration::from_secs(10)));
        assert_eq!(rates.spend_cost(one, 101).unwrap_err().wait, Duration::from_secs(10));

        assert_eq!(rates.spend_bytes(one, 2 << 20), Ok(()));
        assert!(rates.spend_bytes(one, 1).is_err());
        let unlimited = Rates::new(&RatesConfig { cost_per_second: 0, upload_mib_per_minute: 0 }, 1, 1);
        assert_eq!(unlimited.spend_cost(one, usize::MAX), Ok(None));
        assert_eq!(unlimited.spend_bytes(one, u64::MAX), Ok(()));
    }

    #[test]
    fn a_deposit_counts_towards_a_cost_and_the_rest_of_it_is_given_back() {
        let config = RatesConfig { cost_per_second: 1, upload_mib_per_minute: 1 };
        let rates = Rates::new(&config, 100, 0);
        let key = Actor::Configured(1);
        let remaining = |left: Result<Option<Left>, Short>| left.unwrap().unwrap().remaining;

        assert_eq!(remaining(rates.spend_cost(key, 40)), 60);
        assert_eq!(remaining(rates.spend_rest(key, 2, 40)), 98, "it was too much");
        assert_eq!(remaining(rates.spend_cost(key, 40)), 58);
        assert_eq!(remaining(rates.spend_rest(key, 60, 40)), 38, "it was too little");
        assert_eq!(remaining(rates.spend_cost(key, 30)), 8);
        let short = rates.spend_rest(key, 60, 30).unwrap_err();
        assert!(short.wait > Duration::from_secs(50), "for the whole cost, asked anew: {short:?}");
        assert_eq!(remaining(rates.spend_cost(key, 1)), 7, "the deposit is kept");
    }
}
