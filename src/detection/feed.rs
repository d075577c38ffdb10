//! The feed: every detection of the tenant as it finishes, in the order of finishing, from any place in it.

use std::sync::Arc;

use async_stream::try_stream;
use chrono::{DateTime, Utc};
use entity::detection::{Column, Entity, Model};
use entity::detection_counter;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio_stream::Stream;

use super::{DetectionError, Detections};
use crate::caller::Caller;
use crate::events::Received;
use crate::submissions::Submissions;

/// Detections read at once when a follower catches up.
const BATCH: u64 = 20;

/// A place in the feed: right behind a finished detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedPlace {
    /// Its number among the tenant's finished ones.
    pub sequence: i64,
    /// When it finished.
    pub finished_at: DateTime<Utc>,
}

impl FeedPlace {
    /// The place of a detection; `None` until it has finished.
    #[must_use]
    pub fn of(row: &Model) -> Option<Self> {
        Some(Self { sequence: row.sequence?, finished_at: row.completed_at? })
    }
}

impl Detections {
    /// What finishes behind `after`, or from now on: first what has finished already, then each as it finishes, with no
    /// gap and nothing twice. A follower that lags catches up from the database.
    ///
    /// # Errors
    /// [`DetectionError::CursorExpired`] when what finished behind `after` may be gone.
    pub async fn follow_feed(
        &self,
        caller: Caller,
        after: Option<FeedPlace>,
    ) -> Result<impl Stream<Item = Result<Arc<Model>, DetectionError>> + use<>, DetectionError> {
        let last = self.finished(&caller).await?;
        let mut place = match after {
            None => last,
            Some(after) if after.finished_at < self.submissions.clock.now() - self.submissions.retention => {
                return Err(DetectionError::CursorExpired);
            }
            Some(after) if after.sequence > last => {
                return Err(DetectionError::BadInput("after is not a cursor of this feed".into()));
            }
            Some(after) => after.sequence,
        };
        // Subscribe before reading, or what happens between the two is lost.
        let mut subscription = self.feed.subscribe(Self::feed_topic(&caller.tenant));
        let detections = self.clone();
        Ok(try_stream! {
            loop {
                loop {
                    let missed = detections.finished_behind(&caller, place).await?;
                    if missed.is_empty() {
                        break;
                    }
                    for row in missed {
                        place = row.sequence.unwrap_or(place);
                        yield Arc::new(row);
                    }
                }
                while let Received::Event(row) = subscription.next().await {
                    if let Some(sequence) = row.sequence.filter(|sequence| *sequence > place) {
                        place = sequence;
                        yield Arc::clone(&row);
                    }
                }
            }
        })
    }

    /// How many of the caller's detections have ever finished.
    async fn finished(&self, caller: &Caller) -> Result<i64, DetectionError> {
        let counter = detection_counter::Entity::find_by_id(caller.tenant.clone());
        let counter = counter.one(self.submissions.database.reader()).await?;
        Ok(counter.map_or(0, |counter| counter.finished))
    }

    async fn finished_behind(&self, caller: &Caller, place: i64) -> Result<Vec<Model>, DetectionError> {
        let behind = Submissions::<Entity>::owned(caller).filter(Column::Sequence.gt(place));
        let next = behind.order_by_asc(Column::Sequence).limit(BATCH);
        Ok(next.all(self.submissions.database.reader()).await?)
    }
}
