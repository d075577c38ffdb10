//! The time, passed in: the one home of the system's clock.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Tells the time. Tests pass one that they move by hand.
#[derive(Clone)]
pub struct Clock {
    tell: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    /// How much time has passed since some moment. Nobody can set it.
    passed: Arc<dyn Fn() -> TimeDelta + Send + Sync>,
}

impl Clock {
    /// The machine's own clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one home of the system's clock")]
    pub fn system() -> Self {
        let begun = Instant::now();
        Self::from_fns(Utc::now, move || TimeDelta::from_std(begun.elapsed()).unwrap_or(TimeDelta::MAX))
    }

    /// A clock that asks `tell`, and that nobody sets: as much time passes as it tells.
    pub fn from_fn(tell: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        let tell = Arc::new(tell);
        let told = tell.clone();
        Self { tell, passed: Arc::new(move || told() - DateTime::UNIX_EPOCH) }
    }

    /// A clock that asks `tell`, and that may be set: `passed` says how much time really passes.
    pub fn from_fns(
        tell: impl Fn() -> DateTime<Utc> + Send + Sync + 'static,
        passed: impl Fn() -> TimeDelta + Send + Sync + 'static,
    ) -> Self {
        Self { tell: Arc::new(tell), passed: Arc::new(passed) }
    }

    /// Now, in whole microseconds: what every database keeps.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.tell)().trunc_subsecs(6)
    }

    /// A clock that agrees with this one now and that nobody can set from then on: for times by which this process
    /// waits. It stands still while the machine sleeps.
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
