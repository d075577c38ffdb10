//! Limits failed authentications per address. Requests with a valid key are never limited: the address may be that of a
//! proxy with many clients behind it.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;

use crate::shares::network;

/// Maximum number of tracked addresses. Beyond it, all failed authentications are limited.
const MAX_ADDRESSES: usize = 100_000;
/// Minimum interval between removals of idle addresses, each of which visits all addresses.
const FORGET_EVERY: Duration = Duration::from_secs(1);

/// The failed authentications of every address.
pub(in crate::http) struct FailedAuthLimit {
    tries: DefaultKeyedRateLimiter<IpAddr>,
    last_forgotten: Mutex<Option<Instant>>,
}

impl FailedAuthLimit {
    pub(in crate::http) fn new(tries_per_minute: NonZeroU32) -> Self {
        Self {
            tries: RateLimiter::keyed(Quota::per_minute(tries_per_minute)),
            last_forgotten: Mutex::default(),
        }
    }

    /// Counts one failure; `Err` contains the time until the next one is allowed.
    pub(in crate::http) fn count(&self, address: IpAddr) -> Result<(), Duration> {
        if self.tries.len() >= MAX_ADDRESSES {
            self.forget(Instant::now());
            if self.tries.len() >= MAX_ADDRESSES {
                return Err(Duration::from_mins(1));
            }
        }
        let now = DefaultClock::default().now();
        self.tries.check_key(&network(address)).map_err(|until| until.wait_time_from(now))
    }

    /// Removes addresses without recent failures, at most once per [`FORGET_EVERY`]. Returns whether it did.
    fn forget(&self, now: Instant) -> bool {
        let mut last = self.last_forgotten.lock();
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= FORGET_EVERY);
        if is_due {
            *last = Some(now);
            self.tries.retain_recent();
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_tries_of_its_own() {
        let strangers = FailedAuthLimit::new(NonZeroU32::new(3).unwrap());
        let tries =
            |address: &str| (0..5).filter(|_| strangers.count(address.parse().unwrap()).is_ok()).count();
        assert_eq!(tries("192.0.2.1"), 3);
        assert_eq!(tries("192.0.2.2"), 3);
        assert_eq!(tries("::ffff:192.0.2.2"), 0, "the same address in another notation");
        assert_eq!(tries("2001:db8::1"), 3);
        assert_eq!(tries("2001:db8::2"), 0, "the same network");
        assert!(strangers.count("192.0.2.1".parse().unwrap()).unwrap_err() <= Duration::from_mins(1));
    }

    #[test]
    fn when_full_idle_addresses_are_removed_at_most_once_a_second() {
        let strangers = FailedAuthLimit::new(NonZeroU32::new(3).unwrap());
        let numbers = (0..).map(|number| IpAddr::from(std::net::Ipv4Addr::from_bits(number)));
        let mut come = numbers.map(|address| strangers.count(address));
        assert!(come.by_ref().take(MAX_ADDRESSES).all(|tried| tried.is_ok()));
        assert_eq!(*strangers.last_forgotten.lock(), None);

        assert_eq!(come.next().unwrap(), Err(Duration::from_mins(1)));
        let first = strangers.last_forgotten.lock().unwrap();
        let within = first + FORGET_EVERY.mul_f32(0.9);
        assert!((0..1000).all(|_| !strangers.forget(within)));
        assert!(strangers.forget(first + FORGET_EVERY) && !strangers.forget(first + FORGET_EVERY));
    }
}
