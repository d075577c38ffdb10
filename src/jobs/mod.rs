//! Background work that survives a crash: at least once, never lost, never completed twice.
//!
//! A job is a row, enqueued in the same write as the row it is about. A worker claims it under a lease; the
//! write that ends it is fenced by the lease's token, so of two workers only one can end it. Knows no
//! domain: a domain implements [`Handler`], and `app` starts a [`Worker`] for it.

mod finisher;
mod handler;
mod queue;
mod statements;
#[cfg(test)]
mod tests;
mod worker;

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::config::{Setting, Settings};

use queue::{Claim, Lease, Lost};

pub use handler::{Done, Failure, GaveUp, Handler};
pub use queue::{Job, Queue};
pub use worker::Worker;

/// How background work is done.
#[derive(Clone, Debug)]
pub struct JobsConfig {
    /// Jobs of one kind at work at once.
    pub concurrency: usize,
    /// How long a silent worker keeps a job.
    pub lease: Duration,
    /// Attempts before a transient failure is final.
    pub max_attempts: i32,
    /// Pause after the first transient failure; it doubles with each further one.
    pub backoff: Duration,
    /// Longest pause between attempts.
    pub max_backoff: Duration,
    /// How often the queue is looked at when nobody calls.
    pub poll: Duration,
    /// A pause before each attempt, for those who test a client against slow work.
    pub delay: Duration,
}

impl JobsConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let concurrency = Setting {
            name: "FACEQL_JOBS_CONCURRENCY",
            about: "Images at work at once, most of them waiting for the engine; 0 means four for each processor.",
        };
        let lease = Setting {
            name: "FACEQL_JOBS_LEASE_SECONDS",
            about: "How long after its worker's death a job goes to another.",
        };
        let attempts = Setting {
            name: "FACEQL_JOBS_MAX_ATTEMPTS",
            about: "Attempts before an image fails when the encoder is unavailable.",
        };
        let backoff = Setting {
            name: "FACEQL_JOBS_BACKOFF_MS",
            about: "Pause after the first failed attempt, in milliseconds; doubles with each further one.",
        };
        let max_backoff = Setting {
            name: "FACEQL_JOBS_MAX_BACKOFF_MS",
            about: "Longest pause between attempts, in milliseconds.",
        };
        let poll = Setting {
            name: "FACEQL_JOBS_POLL_MS",
            about: "How often the queue is looked at when nobody calls, in milliseconds.",
        };
        let delay = Setting {
            name: "FACEQL_JOBS_DELAY_MS",
            about: "A pause before each attempt, in milliseconds: tests a client against slow work.",
        };
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let concurrency = settings.number(concurrency, 0, 0..=256);
        Self {
            concurrency: if concurrency == 0 { 4 * processors } else { concurrency },
            lease: settings.seconds(lease, 15, 1..=3600),
            max_attempts: settings.number(attempts, 5, 1..=100),
            backoff: settings.milliseconds(backoff, 1000, 1..=3_600_000),
            max_backoff: settings.milliseconds(max_backoff, 60_000, 1..=86_400_000),
            poll: settings.milliseconds(poll, 1000, 10..=60_000),
            delay: settings.milliseconds(delay, 0, 0..=600_000),
        }
    }
}
