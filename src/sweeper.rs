//! When is swept; what is to be swept each domain knows.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

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

    /// Sweeps `domain` now and again until `stop`.
    pub async fn sweep_until<S: Sweep>(self, domain: S, stop: CancellationToken) {
        loop {
            if let Err(error) = domain.sweep(self.orphan_grace).await {
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
