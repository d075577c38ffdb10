//! Contours looked up, followed and deleted.

use std::sync::Arc;

use bytes::Bytes;
use entity::contour::{Column, Entity, Model};
use entity::ids::ContourId;
use entity::job_status::JobStatus;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Select};
use tokio_stream::Stream;
use vision::contour::Region;

use super::{ContourError, Contours, DRAWINGS, DrawContour, IMAGES, MAPS, REGIONS, blob};
use crate::blobs::BlobError;
use crate::caller::Caller;
use crate::events::Change;
use crate::idempotency;
use crate::jobs::Handler;

impl Contours {
    /// The caller's contours among `ids`, in no order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn contours(&self, caller: &Caller, ids: &[ContourId]) -> Result<Vec<Model>, ContourError> {
        let wanted = owned(caller).filter(Column::Id.is_in(ids.iter().copied()));
        Ok(wanted.all(self.database.reader()).await?)
    }

    /// The SVG document of a contour; `None` until it is COMPLETED.
    ///
    /// # Errors
    /// When the blob store fails.
    pub async fn svg(&self, row: &Model) -> Result<Option<String>, ContourError> {
        if row.status != JobStatus::Completed {
            return Ok(None);
        }
        let Some(bytes) = self.read(row, DRAWINGS).await? else { return Ok(None) };
        let text = String::from_utf8(bytes.into());
        text.map(Some).map_err(|error| ContourError::Internal(format!("a stored drawing: {error}")))
    }

    /// The outlines of a contour, by label, ascending; none until it is COMPLETED.
    ///
    /// # Errors
    /// When the blob store fails.
    pub async fn regions(&self, row: &Model) -> Result<Vec<Region>, ContourError> {
        if row.status != JobStatus::Completed {
            return Ok(Vec::new());
        }
        let Some(bytes) = self.read(row, REGIONS).await? else { return Ok(Vec::new()) };
        let regions = serde_json::from_slice(&bytes);
        regions.map_err(|error| ContourError::Internal(format!("stored regions: {error}")))
    }

    async fn read(&self, row: &Model, kind: &'static str) -> Result<Option<Bytes>, ContourError> {
        match self.blobs.get(&blob(&row.tenant, row.id, kind)).await {
            Err(BlobError::NotFound) => Ok(None),
            bytes => Ok(Some(bytes?)),
        }
    }

    /// Whether the contour has not been deleted; when nobody can tell, it is for the sweeper to see.
    pub(super) async fn exists(&self, id: ContourId) -> bool {
        !matches!(Entity::find_by_id(id).one(self.database.reader()).await, Ok(None))
    }

    /// The contour now, then after each change; ends when it is COMPLETED, FAILED or deleted.
    ///
    /// # Errors
    /// [`ContourError::NotFound`] when the caller has none by that id.
    pub async fn watch(
        &self,
        caller: Caller,
        id: ContourId,
    ) -> Result<impl Stream<Item = Result<Arc<Model>, ContourError>> + use<>, ContourError> {
        let (contours, topic) = (self.clone(), Self::topic(&caller.tenant, id));
        let read = move || {
            let (reader, wanted) =
                (contours.database.reader().clone(), owned(&caller).filter(Column::Id.eq(id)));
            async move { Ok(wanted.one(&reader).await?) }
        };
        self.changes.follow(topic, read).await?.ok_or(ContourError::NotFound)
    }

    /// Deletes a contour with its files and its job, and ends its subscriptions. The same request is drawn anew then.
    ///
    /// # Errors
    /// [`ContourError::NotFound`] when the caller has none by that id.
    pub async fn delete(&self, caller: &Caller, id: ContourId) -> Result<(), ContourError> {
        let mut write = self.database.write().await?;
        let gone = Entity::delete_many()
            .filter(Column::Tenant.eq(caller.tenant.clone()))
            .filter(Column::Id.eq(id))
            .exec(&*write)
            .await?;
        if gone.rows_affected == 0 {
            return Err(ContourError::NotFound);
        }
        self.queue.cancel(&mut write, DrawContour::KIND, &[id.0]).await?;
        idempotency::forget_nodes(&write, &[id.0]).await?;
        let (changes, topic) = (self.changes.clone(), Self::topic(&caller.tenant, id));
        write.after_commit(move || changes.publish(&topic, Change::Deleted));
        self.database.erase_after(&mut write);
        write.commit().await?;
        self.remove(&caller.tenant, id, &[IMAGES, MAPS, DRAWINGS, REGIONS]).await;
        Ok(())
    }
}

fn owned(caller: &Caller) -> Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(caller.tenant.clone()))
}
