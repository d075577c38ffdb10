//! When is swept; what is to be swept each domain knows.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::clock::Clock;
use crate::config::{Setting, Settings};

/// When what has expired is removed.
#[derive(Clone, Debug)]
pub struct SweepConfig {
    /// How often is swept.
    pub interval: Duration,
    /// How old bytes without an owner must be to be swept: longer than any upload takes.
    pub orphan_grace: Duration,
}

impl SweepConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let orphan = Setting {
            name: "FACEQL_ORPHAN_GRACE_SECONDS",
            about: "Age at which bytes that nothing owns are removed; longer than any upload waits to be written.",
        };
        let interval =
            Setting { name: "FACEQL_SWEEP_SECONDS", about: "How often is looked for what has expired." };
        Self {
            interval: settings.seconds(interval, 60, 1..=86_400),
            orphan_grace: settings.seconds(orphan, 3600, 60..=604_800),
        }
    }

    /// Sweeps `domain` now and again until `stop`. When `clock` is set meanwhile, the ages of files are off by as much,
    /// and the grace grows by it: bytes of an upload under way must not look like orphans.
    pub async fn sweep_until<S: Sweep>(self, domain: S, clock: Clock, stop: CancellationToken) {
        let steady = clock.steady();
        loop {
            let set_by = (clock.now() - steady.now()).abs().to_std().unwrap_or_default();
            if let Err(error) = domain.sweep(self.orphan_grace + set_by).await {
                warn!(%error, domain = S::NAME, "could not sweep; will try again");
            }
            if stop.run_until_cancelled(tokio::time::sleep(self.interval)).await.is_none() {
                return;
            }
        }
    }
}

/// A domain of which something expires.
pub trait Sweep: Send + Sync + 'static {
    /// Names the domain in the log.
    const NAME: &'static str;

    /// Why a sweep fails.
    type Error: std::fmt::Display;

    /// Removes what has expired, and bytes older than `orphan_grace` that nothing owns. What it does not come to, the
    /// next sweep does.
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

    /// Tells with which grace it is swept.
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
            // Those from before may still wait to be heard.
            while graces.recv().await.expect("it sweeps until it is stopped") != expected {}
        }
        stop.cancel();
        sweeping.await.unwrap();
    }
}
