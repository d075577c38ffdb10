//! What a domain says about its kind of job.

use sea_orm::DbErr;

use super::Job;
use crate::database::Write;

/// Does one kind of job. The worker calls it in this order: `begin`, `perform`, then `finish` and `clean_up`, or
/// `give_up` when there is no hope left.
pub trait Handler: Send + Sync + 'static {
    /// Names the kind in the jobs table.
    const KIND: &'static str;

    /// What the work gives.
    type Output: Send + Sync + 'static;

    /// Why an attempt fails; that its result could not be written is one reason.
    type Error: std::error::Error + From<DbErr> + Send + Sync + 'static;

    /// Notes that an attempt at each of `jobs` begins. Commits together with the claim.
    fn begin(&self, write: &mut Write, jobs: &[&Job]) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Does the work. It may run more than once; its result is written once.
    fn perform(&self, job: &Job) -> impl Future<Output = Result<Self::Output, Failure<Self::Error>>> + Send;

    /// Writes the results of `done`, which ended at about the same time. Commits together with their removal.
    fn finish(
        &self,
        write: &mut Write,
        done: &[&Done<Self::Output>],
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Removes what `done` needed no longer; their results are committed.
    fn clean_up(&self, done: &[Done<Self::Output>]) -> impl Future<Output = ()> + Send;

    /// Notes that the job is given up. Commits together with its removal.
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
    /// The job.
    pub job: Job,
    /// What the work gave.
    pub output: T,
}

/// How an attempt ends when it does not succeed.
#[derive(Debug)]
pub enum Failure<E> {
    /// Worth another attempt, later.
    Transient(E),
    /// The storage has no room or does not work. That is not the image's fault: another attempt follows until it works.
    Storage(E),
    /// Another attempt would fail the same way.
    Permanent(E),
    /// The job is no longer this worker's: cancelled, or taken over after the lease ran out.
    Lost,
}

/// Why a job is given up.
#[derive(Debug)]
pub enum GaveUp<'a, E> {
    /// By its last failure.
    Failed(&'a E),
    /// Because too many workers vanished while they held it: it may be what kills them.
    WorkersVanished,
}
