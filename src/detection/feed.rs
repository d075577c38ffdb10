//! The feed: every detection of the tenant as it finishes, in the order of finishing, from any place in it.

use std::sync::Arc;

use async_stream::try_stream;
use chrono::{DateTime, Utc};
use entity::detection::{Column, Entity, Model};
use entity::detection_counter;
use entity::ids::Tenant;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio_stream::Stream;
use uuid::Uuid;

use super::{DetectionError, Detections};
use crate::caller::Caller;
use crate::database::Write;
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
    /// [`DetectionError::CursorExpired`] when what finished behind `after` may be gone; so ends the stream of a follower that
    /// lags so far behind.
    pub async fn follow_feed(
        &self,
        caller: Caller,
        after: Option<FeedPlace>,
    ) -> Result<impl Stream<Item = Result<Arc<Model>, DetectionError>> + use<>, DetectionError> {
        let counts = self.counts(&caller).await?;
        let mut place = match after {
            None => counts.finished,
            Some(after) if after.finished_at < self.submissions.clock.now() - self.submissions.retention => {
                return Err(DetectionError::CursorExpired);
            }
            // The clock may have run ahead for a while: what it removed then is gone, however young it was.
            Some(after) if after.sequence < counts.expired => return Err(DetectionError::CursorExpired),
            Some(after) if after.sequence > counts.finished => {
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

    /// How many of the caller's detections have ever finished, and up to which they have expired.
    async fn counts(&self, caller: &Caller) -> Result<detection_counter::Model, DetectionError> {
        let counts = detection_counter::Entity::find_by_id(caller.tenant.clone());
        let counts = counts.one(self.submissions.database.reader()).await?;
        let tenant = || caller.tenant.clone();
        Ok(counts.unwrap_or_else(|| detection_counter::Model { tenant: tenant(), finished: 0, expired: 0 }))
    }

    /// What has finished right behind `place`, with nothing left out that has expired.
    async fn finished_behind(&self, caller: &Caller, place: i64) -> Result<Vec<Model>, DetectionError> {
        let behind = Submissions::<Entity>::owned(caller).filter(Column::Sequence.gt(place));
        let next = behind.order_by_asc(Column::Sequence).limit(BATCH);
        let next = next.all(self.submissions.database.reader()).await?;
        // Looked at last: what is gone by now may have been missing before.
        if self.counts(caller).await?.expired > place {
            return Err(DetectionError::CursorExpired);
        }
        Ok(next)
    }
}

/// Notes in `write`, which removes them, that the detections with these ids have expired.
pub(super) async fn note_expired(write: &Write, ids: &[Uuid]) -> Result<(), DbErr> {
    use detection_counter::Column::{Expired, Tenant as OfTenant};
    let highest =
        Entity::find().select_only().column(Column::Tenant).column_as(Column::Sequence.max(), "highest");
    let highest = highest.filter(Column::Id.is_in(ids.iter().copied())).group_by(Column::Tenant);
    for (tenant, highest) in highest.into_tuple::<(Tenant, Option<i64>)>().all(&**write).await? {
        let raise = detection_counter::Entity::update_many()
            .col_expr(Expired, Expr::value(highest))
            .filter(OfTenant.eq(tenant))
            .filter(Expired.lt(highest));
        raise.exec(&**write).await?;
    }
    Ok(())
}
