//! How often one address may come without a key that lets in. Who has one is never held back: an address may be a
//! proxy's, with good clients and bad ones behind it.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::shares::network;

/// Addresses that are remembered at once. Beyond, all strangers wait.
const MOST_ADDRESSES: usize = 100_000;
/// How often those that have all their tries again are forgotten, which is a walk through all of them.
const FORGET_EVERY: Duration = Duration::from_secs(1);

/// The tries of every address.
pub(super) struct Strangers {
    tries: DefaultKeyedRateLimiter<IpAddr>,
    last_forgotten: Mutex<Option<Instant>>,
}

impl Strangers {
    pub(super) fn new(tries_per_minute: NonZeroU32) -> Self {
        Self {
            tries: RateLimiter::keyed(Quota::per_minute(tries_per_minute)),
            last_forgotten: Mutex::default(),
        }
    }

    /// Counts one try; `Err` tells after how long the next may come.
    pub(super) fn count(&self, address: IpAddr) -> Result<(), Duration> {
        if self.tries.len() >= MOST_ADDRESSES {
            self.forget(Instant::now());
            if self.tries.len() >= MOST_ADDRESSES {
                return Err(Duration::from_mins(1));
            }
        }
        let now = DefaultClock::default().now();
        self.tries.check_key(&network(address)).map_err(|until| until.wait_time_from(now))
    }

    /// Forgets the addresses that have all their tries again, unless it was done a moment ago; tells whether it did.
    fn forget(&self, now: Instant) -> bool {
        let mut last = self.last_forgotten.lock().unwrap_or_else(PoisonError::into_inner);
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
        let strangers = Strangers::new(NonZeroU32::new(3).unwrap());
        let tries =
            |address: &str| (0..5).filter(|_| strangers.count(address.parse().unwrap()).is_ok()).count();
        assert_eq!(tries("192.0.2.1"), 3);
        assert_eq!(tries("192.0.2.2"), 3);
        assert_eq!(tries("::ffff:192.0.2.2"), 0, "the same address in other words");
        assert_eq!(tries("2001:db8::1"), 3);
        assert_eq!(tries("2001:db8::2"), 0, "the same network");
        assert!(strangers.count("192.0.2.1".parse().unwrap()).unwrap_err() <= Duration::from_mins(1));
    }

    #[test]
    fn full_of_addresses_it_looks_for_what_to_forget_once_a_second_however_many_come() {
        let strangers = Strangers::new(NonZeroU32::new(3).unwrap());
        let numbers = (0..).map(|number| IpAddr::from(std::net::Ipv4Addr::from_bits(number)));
        let mut come = numbers.map(|address| strangers.count(address));
        assert!(come.by_ref().take(MOST_ADDRESSES).all(|tried| tried.is_ok()));
        assert_eq!(*strangers.last_forgotten.lock().unwrap(), None);

        assert_eq!(come.next().unwrap(), Err(Duration::from_mins(1)));
        let first = strangers.last_forgotten.lock().unwrap().unwrap();
        let within = first + FORGET_EVERY.mul_f32(0.9);
        assert!((0..1000).all(|_| !strangers.forget(within)));
        assert!(strangers.forget(first + FORGET_EVERY) && !strangers.forget(first + FORGET_EVERY));
    }
}
