//! Follows a detection: its present state, then each change, until it has ended.

use std::sync::Arc;

use async_stream::try_stream;
use entity::detection::Model;
use entity::ids::DetectionId;
use tokio_stream::Stream;

use super::{Change, DetectionError, Detections};
use crate::caller::Caller;
use crate::events::Received;

impl Detections {
    /// The detection now, then after each change; ends when it is COMPLETED, FAILED or deleted. A follower that lags gets
    /// the newest state; the revision may jump then.
    ///
    /// # Errors
    /// [`DetectionError::NotFound`] when the caller has none by that id.
    pub async fn watch(
        &self,
        caller: Caller,
        id: DetectionId,
    ) -> Result<impl Stream<Item = Result<Arc<Model>, DetectionError>> + use<>, DetectionError> {
        // Subscribe before reading, or what happens between the two is lost.
        let mut subscription = self.changes.subscribe(Self::topic(&caller.tenant, id));
        let mut row = Arc::new(self.detection(&caller, id).await?);
        let detections = self.clone();
        Ok(try_stream! {
            yield row.clone();
            while !row.status.is_final() {
                let next = match subscription.next().await {
                    Received::Event(change) => match change.as_ref() {
                        Change::State(next) => next.clone(),
                        Change::Deleted => return,
                    },
                    Received::Lagged => match detections.detection(&caller, id).await {
                        Err(DetectionError::NotFound) => return,
                        present => Arc::new(present?),
                    },
                };
                if next.revision > row.revision {
                    row = next;
                    yield row.clone();
                }
            }
        })
    }
}
