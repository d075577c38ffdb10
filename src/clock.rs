//! An injectable clock. No other module reads the system time.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// A source of the current time. Tests pass one that they advance by hand.
#[derive(Clone)]
pub struct Clock {
    tell: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    /// Monotonic time since an arbitrary moment.
    passed: Arc<dyn Fn() -> TimeDelta + Send + Sync>,
}

impl Clock {
    /// The system clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the system clock")]
    pub fn system() -> Self {
        let begun = Instant::now();
        Self::from_fns(Utc::now, move || TimeDelta::from_std(begun.elapsed()).unwrap_or(TimeDelta::MAX))
    }

    /// A clock that reads `tell` and is never set back or forward: the monotonic time follows it.
    pub fn from_fn(tell: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        let tell = Arc::new(tell);
        let told = tell.clone();
        Self { tell, passed: Arc::new(move || told() - DateTime::UNIX_EPOCH) }
    }

    /// A clock that reads `tell`, which may be set; `passed` is the monotonic time.
    pub fn from_fns(
        tell: impl Fn() -> DateTime<Utc> + Send + Sync + 'static,
        passed: impl Fn() -> TimeDelta + Send + Sync + 'static,
    ) -> Self {
        Self { tell: Arc::new(tell), passed: Arc::new(passed) }
    }

    /// The current time in whole microseconds, the precision at which it is stored.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.tell)().trunc_subsecs(6)
    }

    /// A clock that starts at the current time of this one and then follows monotonic time, for timers within this
    /// process. It stops while the machine is suspended.
    #[must_use]
    pub fn steady(&self) -> Self {
        let (start, begun, passed) = (self.now(), (self.passed)(), self.passed.clone());
        Self { tell: Arc::new(move || start + (passed() - begun)), passed: self.passed.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn steady_clock_moves_with_time_and_not_when_the_clock_is_set() {
        let (set, passed) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
        let seconds = |of: &Arc<AtomicI64>| {
            let of = of.clone();
            move || TimeDelta::seconds(of.load(Ordering::SeqCst))
        };
        let (by_hand, real) = (seconds(&set), seconds(&passed));
        let clock = Clock::from_fns(move || DateTime::UNIX_EPOCH + by_hand() + real(), seconds(&passed));
        let steady = clock.steady();
        set.store(-3600, Ordering::SeqCst);
        passed.store(10, Ordering::SeqCst);
        assert_eq!(steady.now(), DateTime::UNIX_EPOCH + TimeDelta::seconds(10));
        assert_eq!(clock.now(), DateTime::UNIX_EPOCH + TimeDelta::seconds(10 - 3600));
        assert_eq!(clock.steady().now(), clock.now());
    }
}
