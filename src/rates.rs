//! How fast one key may spend: the cost of its queries, and the bytes that it sends. Whoever saves up may spend in a burst.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::caller::Actor;
use crate::config::{Setting, Settings};

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
            cost: Purse::new(config.cost_per_second, Quota::per_second, largest_cost),
            upload: Purse::new(per_minute, Quota::per_minute, units(largest_request as u64) as usize),
        }
    }

    /// Spends the cost of a query; tells what is left, where there is a limit.
    ///
    /// # Errors
    /// When not so much is left.
    pub fn spend_cost(&self, actor: Actor, cost: usize) -> Result<Option<Left>, Short> {
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        self.cost.as_ref().map(|purse| purse.spend(actor, cost)).transpose()
    }

    /// Spends the bytes of a request.
    ///
    /// # Errors
    /// When not so many are left.
    pub fn spend_bytes(&self, actor: Actor, bytes: u64) -> Result<(), Short> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        self.upload.as_ref().map(|purse| purse.spend(actor, units)).transpose().map(drop)
    }
}

/// One kind of what is spent, for each key.
struct Purse {
    quota: Quota,
    limiter: DefaultKeyedRateLimiter<Actor, StateInformationMiddleware>,
}

impl Purse {
    /// `None` for a rate of zero.
    fn new(rate: u32, quota: impl Fn(NonZeroU32) -> Quota, largest: usize) -> Option<Arc<Self>> {
        let rate = NonZeroU32::new(rate)?;
        let largest = u32::try_from(largest).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        let quota = quota(rate).allow_burst(rate.max(largest));
        let limiter = RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>();
        Some(Arc::new(Self { quota, limiter }))
    }

    fn spend(&self, actor: Actor, amount: u32) -> Result<Left, Short> {
        let window = self.quota.burst_size_replenished_in();
        let left = |remaining| Left { burst: self.quota.burst_size().get(), window, remaining };
        let short = |wait| Short { wait, left: left(0) };
        let amount = NonZeroU32::new(amount).unwrap_or(NonZeroU32::MIN);
        // There is never more than a burst; who asks for more was refused before, for its cost or its size.
        let state = self.limiter.check_key_n(&actor, amount).map_err(|_| short(window))?;
        let state = state.map_err(|until| short(until.wait_time_from(DefaultClock::default().now())))?;
        Ok(left(state.remaining_burst_capacity()))
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
}
