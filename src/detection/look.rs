//! Looking up, listing, following and deleting detections.

use std::sync::Arc;

use entity::detection::{Column, Entity, Model};
use entity::ids::DetectionId;
use entity::job_status::JobStatus;
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, Select};
use tokio_stream::Stream;

use super::{DetectionError, Detections};
use crate::access::caller::Caller;
use crate::store::page::{Page, PageRequest};
use crate::tasks::Tasks;

impl Detections {
    /// Returns those of `ids` that are the caller's detections, in no particular order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn detections(
        &self,
        caller: &Caller,
        ids: &[DetectionId],
    ) -> Result<Vec<Model>, DetectionError> {
        Ok(self.tasks.find(caller, ids.iter().map(|id| id.0)).await?)
    }

    /// The current state of the detection, then each change; ends when it is COMPLETED, FAILED or deleted.
    ///
    /// # Errors
    /// [`DetectionError::NotFound`] when the caller has no detection with that id.
    pub async fn watch(
        &self,
        caller: &Caller,
        id: DetectionId,
    ) -> Result<impl Stream<Item = Result<Arc<Model>, DetectionError>> + use<>, DetectionError> {
        self.tasks.watch(caller, id.0).await?.ok_or(DetectionError::NotFound)
    }

    /// A page of the caller's detections, newest first; optionally only those with `status`.
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
        Ok(page.read(list, Column::Id, self.tasks.database.reader()).await?)
    }

    /// The total number of detections that [`Self::list`] selects.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count(&self, caller: &Caller, status: Option<JobStatus>) -> Result<u64, DetectionError> {
        Ok(with_status(caller, status).count(self.tasks.database.reader()).await?)
    }

    /// Deletes a detection with its images and its job, and ends its subscriptions.
    ///
    /// # Errors
    /// [`DetectionError::NotFound`] when the caller has no detection with that id.
    pub async fn delete(&self, caller: &Caller, id: DetectionId) -> Result<(), DetectionError> {
        let was_there = self.tasks.delete(caller, id.0).await?;
        was_there.then_some(()).ok_or(DetectionError::NotFound)
    }
}

fn with_status(caller: &Caller, status: Option<JobStatus>) -> Select<Entity> {
    let owned = Tasks::<Entity>::owned(caller);
    match status {
        None => owned,
        Some(status) => owned.filter(Column::Status.eq(status)),
    }
}
