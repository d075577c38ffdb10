//! Background work that survives crashes: each job runs at least once, is never lost and completes only once.
//!
//! A job is a row, enqueued in the same write as the row it is about. A worker claims it under a lease; the write that
//! ends it is fenced by the lease's token, so that only one of two workers can end it. Independent of domains: a domain
//! implements [`Handler`], and `app` starts a [`Worker`] for it.

mod finisher;
mod handler;
mod queue;
mod statements;
#[cfg(test)]
mod tests;
mod worker;

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::settings::section;

use queue::{Claim, Lease, Lost};

pub use handler::{Done, Failure, GaveUp, Handler};
pub use queue::{Job, Queue};
pub use worker::Worker;

section! {
    /// How background work is done.
    #[derive(Clone, Debug)]
    pub struct JobsConfig {
        /// Images processed at the same time, most of them waiting for the engine. 0: four per processor.
        pub concurrency: usize = number("FACEQL_JOBS_CONCURRENCY", 0, 0..=256) => or_four_a_processor,
        /// How long a job stays with a worker that no longer renews its lease.
        pub lease: Duration = seconds("FACEQL_JOBS_LEASE_SECONDS", 15, 1..=3600),
        /// Attempts before an image fails when the encoder is unavailable.
        pub max_attempts: i32 = number("FACEQL_JOBS_MAX_ATTEMPTS", 5, 1..=100),
        /// Pause after the first failed attempt, in milliseconds. It doubles with each further one.
        pub backoff: Duration = milliseconds("FACEQL_JOBS_BACKOFF_MS", 1000, 1..=3_600_000),
        /// Longest pause between attempts, in milliseconds.
        pub max_backoff: Duration = milliseconds("FACEQL_JOBS_MAX_BACKOFF_MS", 60_000, 1..=86_400_000),
        /// Interval between checks of the queue when no worker is notified, in milliseconds.
        pub poll: Duration = milliseconds("FACEQL_JOBS_POLL_MS", 1000, 10..=60_000),
        /// Pause before each attempt, in milliseconds, to test a client against slow work.
        pub delay: Duration = milliseconds("FACEQL_JOBS_DELAY_MS", 0, 0..=600_000),
    }
}

fn or_four_a_processor(concurrency: usize) -> usize {
    match concurrency {
        0 => 4 * std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        concurrency => concurrency,
    }
}
