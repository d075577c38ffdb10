//! Looking up, following and deleting contours.

use std::sync::Arc;

use entity::contour::Model;
use entity::ids::ContourId;
use entity::job_status::JobStatus;
use tokio_stream::Stream;
use vision::contour::Region;

use super::{ContourError, Contours, DRAWINGS, REGIONS, blob};
use crate::access::caller::Caller;

impl Contours {
    /// Returns those of `ids` that are the caller's contours, in no particular order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn contours(&self, caller: &Caller, ids: &[ContourId]) -> Result<Vec<Model>, ContourError> {
        Ok(self.tasks.find(caller, ids.iter().map(|id| id.0)).await?)
    }

    /// The SVG document of a contour; `None` until it is COMPLETED.
    ///
    /// # Errors
    /// When the blob store fails.
    pub async fn svg(&self, row: &Model) -> Result<Option<String>, ContourError> {
        let Some(bytes) = self.file(row, DRAWINGS).await? else { return Ok(None) };
        let text = String::from_utf8(bytes.into());
        text.map(Some).map_err(|error| ContourError::internal(format!("a stored drawing: {error}")))
    }

    /// The outlines of a contour in ascending order of label; empty until it is COMPLETED.
    ///
    /// # Errors
    /// When the blob store fails.
    pub async fn regions(&self, row: &Model) -> Result<Vec<Region>, ContourError> {
        let Some(bytes) = self.file(row, REGIONS).await? else { return Ok(Vec::new()) };
        let regions = serde_json::from_slice(&bytes);
        regions.map_err(|error| ContourError::internal(format!("stored regions: {error}")))
    }

    /// Reads a file of a COMPLETED contour.
    async fn file(&self, row: &Model, kind: &'static str) -> Result<Option<bytes::Bytes>, ContourError> {
        if row.status != JobStatus::Completed {
            return Ok(None);
        }
        Ok(self.tasks.file(&blob(&row.tenant, row.id, kind)).await?)
    }

    /// The current state of the contour, then each change; ends when it is COMPLETED, FAILED or deleted.
    ///
    /// # Errors
    /// [`ContourError::NotFound`] when the caller has no contour with that id.
    pub async fn watch(
        &self,
        caller: &Caller,
        id: ContourId,
    ) -> Result<impl Stream<Item = Result<Arc<Model>, ContourError>> + use<>, ContourError> {
        self.tasks.watch(caller, id.0).await?.ok_or(ContourError::NotFound)
    }

    /// Deletes a contour with its files and its job, and ends its subscriptions. The same request is drawn again
    /// afterwards.
    ///
    /// # Errors
    /// [`ContourError::NotFound`] when the caller has no contour with that id.
    pub async fn delete(&self, caller: &Caller, id: ContourId) -> Result<(), ContourError> {
        let was_there = self.tasks.delete(caller, id.0).await?;
        was_there.then_some(()).ok_or(ContourError::NotFound)
    }
}
