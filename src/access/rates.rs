//! Rate limits per key, on the cost of its queries and the bytes it sends. Token buckets, so that bursts are allowed.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::actor::Actor;
use crate::settings::section;

/// In nanoseconds.
const SECOND: u64 = 1_000_000_000;
/// In nanoseconds.
const MINUTE: u64 = 60 * SECOND;

/// Bytes per token of the upload limit.
const UNIT_BYTES: u64 = 1024;

section! {
    /// Rate limits of one key. 0 means no limit.
    #[derive(Clone, Debug)]
    pub struct RatesConfig {
        /// Cost that the queries of one key may add up to in a second, and `FACEQL_MAX_QUERY_COST` in one burst. 0: no limit.
        pub cost_per_second: u32 = number("FACEQL_RATE_COST_PER_SECOND", 1_000_000, 0..=1_000_000_000),
        /// MiB that one key may send in a minute, and `FACEQL_MAX_REQUEST_BYTES` in one burst. 0: no limit.
        pub upload_mib_per_minute: u32 = number("FACEQL_RATE_UPLOAD_MIB_PER_MINUTE", 4096, 0..=4_000_000),
    }
}

/// The rate limits and their state for every key. Clones share the state.
#[derive(Clone)]
pub struct Rates {
    cost: Option<Arc<TokenBucket>>,
    upload: Option<Arc<TokenBucket>>,
}

/// The state of a key's rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitState {
    /// Maximum that can be spent at once.
    pub burst: u32,
    /// Time in which an empty bucket refills to `burst`.
    pub window: Duration,
    /// What can be spent now.
    pub remaining: u32,
}

/// A rate limit is exceeded. Nothing was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimited {
    /// Time until enough is available.
    pub wait: Duration,
    /// The state, with a `remaining` of 0 since what remains is not enough.
    pub left: RateLimitState,
}

impl Rates {
    /// The rates of `config`, with bursts of at least `largest_cost` and `largest_request` (in bytes).
    #[must_use]
    pub fn new(config: &RatesConfig, largest_cost: usize, largest_request: usize) -> Self {
        let units = |bytes: u64| u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let per_minute = units(u64::from(config.upload_mib_per_minute) << 20);
        Self {
            cost: TokenBucket::new(config.cost_per_second, SECOND, largest_cost),
            upload: TokenBucket::new(per_minute, MINUTE, units(largest_request as u64) as usize),
        }
    }

    /// Spends the cost of a query. Returns the new state; `None` without a limit.
    ///
    /// # Errors
    /// When less than `cost` is left.
    pub fn spend_cost(&self, actor: Actor, cost: usize) -> Result<Option<RateLimitState>, RateLimited> {
        self.spend_rest(actor, cost, 0)
    }

    /// Spends the cost of parsing a query in advance, at most the burst. Returns the amount spent.
    ///
    /// # Errors
    /// When less than that is left.
    pub fn deposit(&self, actor: Actor, cost: usize) -> Result<usize, RateLimited> {
        let Some(purse) = &self.cost else { return Ok(0) };
        let deposit = u32::try_from(cost).unwrap_or(u32::MAX).min(purse.burst);
        purse.spend(actor, deposit, 0).map(|_| deposit as usize)
    }

    /// Spends the cost of a query, of which `deposit` was spent already, and refunds what exceeds the cost. Returns the
    /// new state; `None` without a limit.
    ///
    /// # Errors
    /// When less than the rest is left. Nothing is refunded then.
    pub fn spend_rest(
        &self,
        actor: Actor,
        cost: usize,
        deposit: usize,
    ) -> Result<Option<RateLimitState>, RateLimited> {
        let whole = |amount| u32::try_from(amount).unwrap_or(u32::MAX);
        self.cost.as_ref().map(|purse| purse.spend(actor, whole(cost), whole(deposit))).transpose()
    }

    /// Spends the bytes of a request.
    ///
    /// # Errors
    /// When fewer than `bytes` are left.
    pub fn spend_bytes(&self, actor: Actor, bytes: u64) -> Result<(), RateLimited> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        self.upload.as_ref().map(|purse| purse.spend(actor, units, 0)).transpose().map(drop)
    }
}

/// A token bucket for each key, which gains `rate` tokens in `period` nanoseconds and holds at most `burst`.
struct TokenBucket {
    rate: u64,
    period: u64,
    burst: u32,
    savings: Mutex<HashMap<Actor, Savings>>,
}

/// The level of a key's bucket at a time. One token is `period` parts, so that refilling loses nothing to rounding.
struct Savings {
    parts: u128,
    at: Instant,
}

impl TokenBucket {
    /// `None` for a rate of zero.
    fn new(rate: u32, period: u64, largest: usize) -> Option<Arc<Self>> {
        let rate = NonZeroU32::new(rate)?.get();
        let burst = u32::try_from(largest).map_or(rate, |largest| rate.max(largest));
        Some(Arc::new(Self { rate: rate.into(), period, burst, savings: Mutex::default() }))
    }

    fn spend(&self, actor: Actor, amount: u32, deposit: u32) -> Result<RateLimitState, RateLimited> {
        let mut savings = self.savings.lock();
        let (now, full) = (Instant::now(), self.parts(self.burst));
        let savings = savings.entry(actor).or_insert(Savings { parts: full, at: now });
        let passed = now.saturating_duration_since(savings.at).as_nanos();
        let saved = savings.parts.saturating_add(passed.saturating_mul(self.rate.into())).min(full);
        *savings = Savings { parts: saved, at: now };
        let due = self.parts(amount.max(1));
        let Some(left) = (saved + self.parts(deposit)).checked_sub(due) else {
            // A bucket never holds more than `burst`; larger requests were rejected before by their cost or size.
            let missing = if due > full { full } else { due.saturating_sub(saved) };
            return Err(RateLimited { wait: self.time_for(missing), left: self.left(0) });
        };
        savings.parts = left.min(full);
        Ok(self.left(savings.parts))
    }

    fn parts(&self, amount: u32) -> u128 {
        u128::from(amount) * u128::from(self.period)
    }

    /// Time in which a bucket gains `parts`.
    fn time_for(&self, parts: u128) -> Duration {
        Duration::from_nanos(u64::try_from(parts.div_ceil(self.rate.into())).unwrap_or(u64::MAX))
    }

    fn left(&self, parts: u128) -> RateLimitState {
        let remaining = u32::try_from(parts / u128::from(self.period)).unwrap_or(u32::MAX);
        RateLimitState { burst: self.burst, window: self.time_for(self.parts(self.burst)), remaining }
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
        let RateLimited { wait, left } = rates.spend_cost(one, 60).unwrap_err();
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
        let remaining = |left: Result<Option<RateLimitState>, RateLimited>| left.unwrap().unwrap().remaining;

        assert_eq!(remaining(rates.spend_cost(key, 40)), 60);
        assert_eq!(remaining(rates.spend_rest(key, 2, 40)), 98, "the deposit was too high");
        assert_eq!(remaining(rates.spend_cost(key, 40)), 58);
        assert_eq!(remaining(rates.spend_rest(key, 60, 40)), 38, "the deposit was too low");
        assert_eq!(remaining(rates.spend_cost(key, 30)), 8);
        let short = rates.spend_rest(key, 60, 30).unwrap_err();
        assert!(short.wait > Duration::from_secs(50), "for the whole cost, not for the rest: {short:?}");
        assert_eq!(remaining(rates.spend_cost(key, 1)), 7, "the deposit is kept");
    }
}
