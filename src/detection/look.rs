//! Detections looked up, listed newest first, followed and deleted.

use std::sync::Arc;

use entity::detection::{Column, Entity, Model};
use entity::ids::DetectionId;
use entity::job_status::JobStatus;
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, Select};
use tokio_stream::Stream;

use super::{DetectionError, Detections};
use crate::caller::Caller;
use crate::page::{Page, PageRequest};
use crate::submissions::Submissions;

impl Detections {
    /// The caller's detections among `ids`, in no order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn detections(
        &self,
        caller: &Caller,
        ids: &[DetectionId],
    ) -> Result<Vec<Model>, DetectionError> {
        Ok(self.submissions.find(caller, ids.iter().map(|id| id.0)).await?)
    }

    /// The detection now, then after each change; ends when it is COMPLETED, FAILED or deleted.
    ///
    /// # Errors
    /// [`DetectionError::NotFound`] when the caller has none by that id.
    pub async fn watch(
        &self,
        caller: &Caller,
        id: DetectionId,
    ) -> Result<impl Stream<Item = Result<Arc<Model>, DetectionError>> + use<>, DetectionError> {
        self.submissions.watch(caller, id.0).await?.ok_or(DetectionError::NotFound)
    }

    /// A part of the caller's detections, newest first; with `status`, only those that have it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(
        &self,
        caller: &Caller,
        status: Option<JobStatus>,
        page: PageRequest,
    ) -> Result<Page<Model>, DetectionError> {
        let list = with_status(caller, status);
        Ok(page.read(list, Column::Id, self.submissions.database.reader()).await?)
    }

    /// How many detections [`Self::list`] lists in all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count(&self, caller: &Caller, status: Option<JobStatus>) -> Result<u64, DetectionError> {
        Ok(with_status(caller, status).count(self.submissions.database.reader()).await?)
    }

    /// Deletes a detection with its pictures and its job, and ends its subscriptions.
    ///
    /// # Errors
    /// [`DetectionError::NotFound`] when the caller has none by that id.
    pub async fn delete(&self, caller: &Caller, id: DetectionId) -> Result<(), DetectionError> {
        let was_there = self.submissions.delete(caller, id.0).await?;
        was_there.then_some(()).ok_or(DetectionError::NotFound)
    }
}

fn with_status(caller: &Caller, status: Option<JobStatus>) -> Select<Entity> {
    let owned = Submissions::<Entity>::owned(caller);
    match status {
        None => owned,
        Some(status) => owned.filter(Column::Status.eq(status)),
    }
}
