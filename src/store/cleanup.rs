//! Schedules the cleanup of expired data; each domain defines what expires.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::clock::Clock;
use crate::settings::section;

section! {
    /// Settings of the cleanup.
    #[derive(Clone, Debug)]
    pub struct SweepConfig {
        /// Interval between cleanups of expired data.
        pub interval: Duration = seconds("FACEQL_SWEEP_SECONDS", 60, 1..=86_400),
        /// Age at which a file that nothing owns is removed. It must be longer than any upload takes.
        pub orphan_grace: Duration = seconds("FACEQL_ORPHAN_GRACE_SECONDS", 3600, 60..=604_800),
    }
}

impl SweepConfig {
    /// Cleans up `domain` periodically until `stop`. If the clock is set meanwhile, file ages are off by the same
    /// amount, so the grace period is extended by it: bytes of an upload in progress must not look like orphans.
    pub async fn sweep_until<S: Sweep>(self, domain: S, clock: Clock, stop: CancellationToken) {
        let steady = clock.steady();
        loop {
            let set_by = (clock.now() - steady.now()).abs().to_std().unwrap_or_default();
            if let Err(error) = domain.sweep(self.orphan_grace + set_by).await {
                warn!(%error, domain = S::NAME, "cleanup failed; retrying later");
            }
            if stop.run_until_cancelled(tokio::time::sleep(self.interval)).await.is_none() {
                return;
            }
        }
    }
}

/// A domain with data that expires.
pub trait Sweep: Send + Sync + 'static {
    /// Name of the domain in the log.
    const NAME: &'static str;

    /// Why a cleanup fails.
    type Error: std::fmt::Display;

    /// Removes expired data, and bytes older than `orphan_grace` that nothing owns. What remains is left to the next
    /// run.
    fn sweep(&self, orphan_grace: Duration) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use chrono::{DateTime, TimeDelta};
    use tokio::sync::mpsc;

    use super::*;

    /// Reports the grace period of each run.
    struct Told(mpsc::UnboundedSender<Duration>);

    impl Sweep for Told {
        const NAME: &'static str = "told";

        type Error = Infallible;

        async fn sweep(&self, orphan_grace: Duration) -> Result<(), Infallible> {
            let _ = self.0.send(orphan_grace);
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_clock_that_is_set_makes_no_file_an_orphan() {
        const HOUR: Duration = Duration::from_hours(1);
        let set = Arc::new(AtomicI64::new(0));
        let by_hand = set.clone();
        let tell = move || DateTime::UNIX_EPOCH + TimeDelta::hours(by_hand.load(Ordering::SeqCst));
        let clock = Clock::from_fns(tell, TimeDelta::zero);
        let (told, mut graces) = mpsc::unbounded_channel();
        let config = SweepConfig { interval: Duration::from_millis(1), orphan_grace: HOUR };
        let stop = CancellationToken::new();
        let sweeping = tokio::spawn(config.sweep_until(Told(told), clock, stop.clone()));
        assert_eq!(graces.recv().await, Some(HOUR));
        for hours in [2, -3] {
            set.store(hours, Ordering::SeqCst);
            let set_by = u64::try_from(hours.abs()).unwrap();
            let expected = HOUR + Duration::from_hours(set_by);
            // Results of earlier runs may still be queued.
            while graces.recv().await.expect("cleanup runs until it is stopped") != expected {}
        }
        stop.cancel();
        sweeping.await.unwrap();
    }
}
