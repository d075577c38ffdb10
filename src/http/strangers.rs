//! How often one address may come without a key that lets in. Who has one is never held back: an address may be a
//! proxy's, with good clients and bad ones behind it.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Addresses that are remembered at once. Beyond, all strangers wait.
const MOST_ADDRESSES: usize = 100_000;

/// The tries of every address.
pub(super) struct Strangers(DefaultKeyedRateLimiter<IpAddr>);

impl Strangers {
    pub(super) fn new(tries_per_minute: NonZeroU32) -> Self {
        Self(RateLimiter::keyed(Quota::per_minute(tries_per_minute)))
    }

    /// Counts one try; `Err` tells after how long the next may come.
    pub(super) fn count(&self, address: IpAddr) -> Result<(), Duration> {
        if self.0.len() >= MOST_ADDRESSES {
            self.0.retain_recent();
            if self.0.len() >= MOST_ADDRESSES {
                return Err(Duration::from_mins(1));
            }
        }
        let now = DefaultClock::default().now();
        self.0.check_key(&network(address)).map_err(|until| until.wait_time_from(now))
    }
}

/// Whoever has an IPv6 address has all of its network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
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
}
