//! How job handlers report the progress and the end of a task.

use std::sync::Arc;

use entity::job_status::JobStatus;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, ExprTrait, QueryFilter, UpdateMany};

use super::{Task, Tasks, topic};
use crate::events::Change;
use crate::images::failure::{Explanation, WorkError};
use crate::jobs::{GaveUp, Job};
use crate::store::database::Write;

impl<E: Task> Tasks<E> {
    /// Records that work on `jobs` begins. Retries do not change the task.
    pub(crate) async fn begin(&self, write: &mut Write, jobs: &[&Job]) -> Result<(), DbErr> {
        let processing = E::update_many()
            .col_expr(E::STATUS, Expr::value(JobStatus::Processing))
            .filter(E::ID.is_in(jobs.iter().map(|job| job.subject)))
            .filter(E::STATUS.eq(JobStatus::Pending));
        self.change(write, processing).await.map(drop)
    }

    /// The update that sets a task COMPLETED.
    pub(crate) fn completed(&self) -> UpdateMany<E> {
        self.ended(JobStatus::Completed)
    }

    /// The update that sets a task FAILED, with the explanation for the client.
    pub(crate) fn failed(&self, reason: &GaveUp<'_, WorkError>) -> UpdateMany<E> {
        let Explanation { failure, message } = reason.into();
        self.ended(JobStatus::Failed)
            .col_expr(E::ERROR_CODE, Expr::value(failure.name()))
            .col_expr(E::ERROR_MESSAGE, Expr::value(message))
    }

    /// Applies `update` to the task of `job`, if it still exists, and publishes the task after `write` is committed.
    pub(crate) async fn end(
        &self,
        write: &mut Write,
        job: &Job,
        update: UpdateMany<E>,
    ) -> Result<Option<Arc<E::Model>>, DbErr> {
        Ok(self.change(write, update.filter(E::ID.eq(job.subject))).await?.pop())
    }

    /// Removes files of the task of `job` after `write` is committed.
    pub(crate) fn remove_files_after(&self, write: &mut Write, job: &Job, kinds: &'static [&'static str]) {
        let (tasks, tenant, id) = (self.clone(), job.tenant.clone(), job.subject);
        write.after_commit(move || {
            tokio::spawn(async move { tasks.remove_files(&tenant, id, kinds).await });
        });
    }

    fn ended(&self, status: JobStatus) -> UpdateMany<E> {
        E::update_many()
            .col_expr(E::STATUS, Expr::value(status))
            .col_expr(E::COMPLETED_AT, Expr::value(self.clock.now()))
    }

    /// Applies `update` to all rows that it matches, increments their revisions, and publishes them after `write` is
    /// committed.
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
