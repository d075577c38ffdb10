//! How a submission comes to its end, as its job's handler says it.

use std::sync::Arc;

use entity::job_status::JobStatus;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, ExprTrait, QueryFilter, UpdateMany};

use super::{Submission, Submissions, topic};
use crate::database::Write;
use crate::events::Change;
use crate::failure::{Explanation, WorkError};
use crate::jobs::{GaveUp, Job};

impl<E: Submission> Submissions<E> {
    /// Notes that work on `jobs` begins. A later attempt is no news.
    pub(crate) async fn begin(&self, write: &mut Write, jobs: &[&Job]) -> Result<(), DbErr> {
        let processing = E::update_many()
            .col_expr(E::STATUS, Expr::value(JobStatus::Processing))
            .filter(E::ID.is_in(jobs.iter().map(|job| job.subject)))
            .filter(E::STATUS.eq(JobStatus::Pending));
        self.change(write, processing).await.map(drop)
    }

    /// What sets a submission COMPLETED.
    pub(crate) fn completed(&self) -> UpdateMany<E> {
        self.ended(JobStatus::Completed)
    }

    /// What sets a submission FAILED, with what its client is told.
    pub(crate) fn failed(&self, reason: &GaveUp<'_, WorkError>) -> UpdateMany<E> {
        let Explanation { failure, message } = reason.into();
        self.ended(JobStatus::Failed)
            .col_expr(E::ERROR_CODE, Expr::value(failure.name()))
            .col_expr(E::ERROR_MESSAGE, Expr::value(message))
    }

    /// Applies `update` to the submission of `job`, if it is still there, and tells of it once `write` is committed.
    pub(crate) async fn end(
        &self,
        write: &mut Write,
        job: &Job,
        update: UpdateMany<E>,
    ) -> Result<Option<Arc<E::Model>>, DbErr> {
        Ok(self.change(write, update.filter(E::ID.eq(job.subject))).await?.pop())
    }

    /// Removes files of the submission of `job` once `write` is committed.
    pub(crate) fn remove_files_after(&self, write: &mut Write, job: &Job, kinds: &'static [&'static str]) {
        let (submissions, tenant, id) = (self.clone(), job.tenant.clone(), job.subject);
        write.after_commit(move || {
            tokio::spawn(async move { submissions.remove_files(&tenant, id, kinds).await });
        });
    }

    fn ended(&self, status: JobStatus) -> UpdateMany<E> {
        E::update_many()
            .col_expr(E::STATUS, Expr::value(status))
            .col_expr(E::COMPLETED_AT, Expr::value(self.clock.now()))
    }

    /// Applies `update` to all that it picks, raises their revisions, and tells of them once `write` is committed.
    async fn change(&self, write: &mut Write, update: UpdateMany<E>) -> Result<Vec<Arc<E::Model>>, DbErr> {
        let raising = update.col_expr(E::REVISION, Expr::col(E::REVISION).add(1));
        let rows = raising.exec_with_returning(&**write).await?;
        let rows: Vec<Arc<E::Model>> = rows.into_iter().map(Arc::new).collect();
        for row in &rows {
            let (changes, row) = (self.changes.clone(), row.clone());
            write.after_commit(move || {
                let (tenant, id) = E::place(&row);
                changes.publish(&topic(tenant, id), Change::State(row.clone()));
            });
        }
        Ok(rows)
    }
}
