//! The interface between the job queue and a domain.

use sea_orm::DbErr;

use super::Job;
use crate::store::database::Write;

/// Processes one kind of job. The worker calls `begin`, `perform`, then either `finish` and `clean_up`, or `give_up`
/// when no further attempt is made.
pub trait Handler: Send + Sync + 'static {
    /// Name of the kind in the jobs table.
    const KIND: &'static str;

    /// Result of the work.
    type Output: Send + Sync + 'static;

    /// Why an attempt fails, including failures to write the result.
    type Error: std::error::Error + From<DbErr> + Send + Sync + 'static;

    /// Records that an attempt at each of `jobs` begins. Committed together with the claim.
    fn begin(&self, write: &mut Write, jobs: &[&Job]) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Does the work. It may run more than once, but its result is written only once.
    fn perform(&self, job: &Job) -> impl Future<Output = Result<Self::Output, Failure<Self::Error>>> + Send;

    /// Writes the results of `done`, which finished at about the same time. Committed together with the jobs' removal.
    fn finish(
        &self,
        write: &mut Write,
        done: &[&Done<Self::Output>],
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Removes data that `done` no longer needs; their results are committed.
    fn clean_up(&self, done: &[Done<Self::Output>]) -> impl Future<Output = ()> + Send;

    /// Records that the job is given up. Committed together with its removal.
    fn give_up(
        &self,
        write: &mut Write,
        job: &Job,
        reason: GaveUp<'_, Self::Error>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;
}

/// A job whose work is done.
#[derive(Debug)]
pub struct Done<T> {
    /// The completed job.
    pub job: Job,
    /// Result of the work.
    pub output: T,
}

/// How an attempt fails.
#[derive(Debug)]
pub enum Failure<E> {
    /// A later attempt may succeed.
    Transient(E),
    /// The storage is full or failing. The image is not at fault, so attempts continue until the storage works.
    Storage(E),
    /// Another attempt would fail the same way.
    Permanent(E),
    /// The worker no longer holds the job: it was cancelled, or taken over after the lease expired.
    Lost,
}

/// Why a job is given up.
#[derive(Debug)]
pub enum GaveUp<'a, E> {
    /// The error of the last attempt.
    Failed(&'a E),
    /// Too many workers vanished while they held the job, so it may be what crashes them.
    WorkersVanished,
}
