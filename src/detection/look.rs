//! Detections looked up, listed newest first, followed and deleted.

use std::sync::Arc;

use entity::detection::{Column, Entity, Model};
use entity::ids::DetectionId;
use entity::job_status::JobStatus;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Select};
use tokio_stream::Stream;

use super::{ANNOTATED, DetectionError, Detections, FindFaces, ORIGINALS};
use crate::caller::Caller;
use crate::events::Change;
use crate::idempotency;
use crate::jobs::Handler;
use crate::page::{Page, PageRequest};

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
        let wanted = owned(caller).filter(Column::Id.is_in(ids.iter().copied()));
        Ok(wanted.all(self.database.reader()).await?)
    }

    /// The detection now, then after each change; ends when it is COMPLETED, FAILED or deleted.
    ///
    /// # Errors
    /// [`DetectionError::NotFound`] when the caller has none by that id.
    pub async fn watch(
        &self,
        caller: Caller,
        id: DetectionId,
    ) -> Result<impl Stream<Item = Result<Arc<Model>, DetectionError>> + use<>, DetectionError> {
        let (detections, topic) = (self.clone(), Self::topic(&caller.tenant, id));
        let read = move || {
            let reader = detections.database.reader().clone();
            let wanted = owned(&caller).filter(Column::Id.eq(id));
            async move { Ok(wanted.one(&reader).await?) }
        };
        self.changes.follow(topic, read).await?.ok_or(DetectionError::NotFound)
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
        Ok(page.read(with_status(caller, status), Column::Id, self.database.reader()).await?)
    }

    /// How many detections [`Self::list`] lists in all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count(&self, caller: &Caller, status: Option<JobStatus>) -> Result<u64, DetectionError> {
        Ok(with_status(caller, status).count(self.database.reader()).await?)
    }

    /// Deletes a detection with its pictures and its job, and ends its subscriptions.
    ///
    /// # Errors
    /// [`DetectionError::NotFound`] when the caller has none by that id.
    pub async fn delete(&self, caller: &Caller, id: DetectionId) -> Result<(), DetectionError> {
        let mut write = self.database.write().await?;
        let gone = Entity::delete_many()
            .filter(Column::Tenant.eq(caller.tenant.clone()))
            .filter(Column::Id.eq(id))
            .exec(&*write)
            .await?;
        if gone.rows_affected == 0 {
            return Err(DetectionError::NotFound);
        }
        self.queue.cancel(&mut write, FindFaces::KIND, &[id.0]).await?;
        idempotency::forget_nodes(&write, &[id.0]).await?;
        let (changes, topic) = (self.changes.clone(), Self::topic(&caller.tenant, id));
        write.after_commit(move || changes.publish(&topic, Change::Deleted));
        self.database.erase_after(&mut write);
        write.commit().await?;
        self.remove(&caller.tenant, id, &[ORIGINALS, ANNOTATED]).await;
        Ok(())
    }
}

pub(super) fn owned(caller: &Caller) -> Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(caller.tenant.clone()))
}

fn with_status(caller: &Caller, status: Option<JobStatus>) -> Select<Entity> {
    match status {
        None => owned(caller),
        Some(status) => owned(caller).filter(Column::Status.eq(status)),
    }
}
