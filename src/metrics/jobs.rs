//! Metrics of background work.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

use super::{Histograms, seconds, waiting_seconds};

/// Metrics of workers. Clones share them.
#[derive(Clone)]
pub struct JobMetrics {
    wait: Histograms<OfKind>,
    attempts: Family<Ended, Counter>,
    attempt_duration: Histograms<OfKind>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    kind: &'static str,
    outcome: &'static str,
}

/// How an attempt at a job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The job is done.
    Completed,
    /// The job is given up.
    Failed,
    /// The job will be retried.
    Retried,
    /// The job was cancelled, or another worker holds it.
    Lost,
    /// The server is stopping, and the job returns to the queue.
    Returned,
    /// Unknown: the end could not be written, and the lease will expire.
    Unsettled,
}

impl AttemptEnd {
    /// Name in metrics and traces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Retried => "retried",
            Self::Lost => "lost",
            Self::Returned => "returned",
            Self::Unsettled => "unsettled",
        }
    }
}

impl JobMetrics {
    pub(super) fn new() -> Self {
        Self { wait: waiting_seconds(), attempts: Family::default(), attempt_duration: seconds() }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "queue_wait",
            "Time from when a job was due until a worker claimed it",
            Unit::Seconds,
            self.wait.clone(),
        );
        registry.register(
            "job_attempts",
            "Attempts at jobs that ended: completed and failed end the job as well",
            self.attempts.clone(),
        );
        registry.register_with_unit(
            "job_attempt_duration",
            "Time that an attempt at a job took",
            Unit::Seconds,
            self.attempt_duration.clone(),
        );
    }

    /// Records that a job was claimed `waited` after it was due.
    pub fn taken(&self, kind: &'static str, waited: Duration) {
        self.wait.get_or_create(&OfKind { kind }).observe(waited.as_secs_f64());
    }

    /// Records the end of an attempt.
    pub fn ended(&self, kind: &'static str, end: AttemptEnd, took: Duration) {
        self.attempts.get_or_create(&Ended { kind, outcome: end.name() }).inc();
        self.attempt_duration.get_or_create(&OfKind { kind }).observe(took.as_secs_f64());
    }
}

impl Default for JobMetrics {
    fn default() -> Self {
        Self::new()
    }
}
