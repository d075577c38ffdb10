//! What a domain says about its kind of job.

use sea_orm::DbErr;

use super::{Claim, Job, Lost};
use crate::database::Write;

/// Does one kind of job. The worker calls it in this order: `begin`, `perform`, and `give_up` when there is
/// no hope left.
pub trait Handler: Send + Sync + 'static {
    /// Names the kind in the jobs table.
    const KIND: &'static str;

    /// Why an attempt fails.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Notes that an attempt at each of `jobs` begins. Commits together with the claim.
    fn begin(&self, write: &mut Write, jobs: &[&Job]) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Does the work and writes its result, in a write that begins with [`Claim::complete`]. The work may run
    /// more than once; the result is written once.
    fn perform(&self, claim: &Claim) -> impl Future<Output = Result<(), Failure<Self::Error>>> + Send;

    /// Notes that the job is given up. Commits together with its removal.
    fn give_up(
        &self,
        write: &mut Write,
        job: &Job,
        reason: GaveUp<'_, Self::Error>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;
}

/// How an attempt ends when it does not succeed.
#[derive(Debug)]
pub enum Failure<E> {
    /// Worth another attempt, later.
    Transient(E),
    /// Another attempt would fail the same way.
    Permanent(E),
    /// The job is no longer this worker's: cancelled, or taken over after the lease ran out.
    Lost,
}

impl<E> From<Lost> for Failure<E> {
    fn from(_: Lost) -> Self {
        Self::Lost
    }
}

/// Why a job is given up.
#[derive(Debug)]
pub enum GaveUp<'a, E> {
    /// By its last failure.
    Failed(&'a E),
    /// Because too many workers vanished while they held it: it may be what kills them.
    WorkersVanished,
}
