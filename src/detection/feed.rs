//! The feed: all detections of a tenant in the order in which they finish, from any position.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::detection::{Column, Entity, Model};
use entity::detection_counter;
use entity::ids::Tenant;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio_stream::Stream;
use uuid::Uuid;

use super::{DetectionError, Detections};
use crate::access::caller::Caller;
use crate::events::{Follower, Step, Unseen, follow};
use crate::store::database::Write;
use crate::tasks::Tasks;

/// Detections read per query when a subscriber catches up.
const BATCH: u64 = 20;

/// A position in the feed: right after a finished detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedPlace {
    /// Sequence number of the detection among the tenant's finished detections.
    pub sequence: i64,
    /// When the detection finished.
    pub finished_at: DateTime<Utc>,
}

impl FeedPlace {
    /// The position of a detection; `None` until it has finished.
    #[must_use]
    pub fn of(row: &Model) -> Option<Self> {
        Some(Self { sequence: row.sequence?, finished_at: row.completed_at? })
    }
}

impl Detections {
    /// All detections that finish after `after`, or from now on: first those that have finished already, then each as
    /// it finishes, without gaps or duplicates. A slow subscriber catches up from the database.
    ///
    /// # Errors
    /// [`DetectionError::CursorExpired`] when detections that finished after `after` may have been removed. The stream
    /// of a subscriber that falls that far behind ends with the same error.
    pub async fn follow_feed(
        &self,
        caller: Caller,
        after: Option<FeedPlace>,
    ) -> Result<impl Stream<Item = Result<Arc<Model>, DetectionError>> + use<>, DetectionError> {
        let counts = self.counts(&caller).await?;
        let place = match after {
            None => counts.finished,
            Some(after) if after.finished_at < self.tasks.clock.now() - self.tasks.retention => {
                return Err(DetectionError::CursorExpired);
            }
            // The clock may have run ahead for a while and removed detections too early.
            Some(after) if after.sequence < counts.expired => return Err(DetectionError::CursorExpired),
            Some(after) if after.sequence > counts.finished => {
                return Err(DetectionError::BadInput("after is not a cursor of this feed".into()));
            }
            Some(after) => after.sequence,
        };
        // Subscribe before reading, or what happens between the two is lost.
        let subscription = self.feed.subscribe(Self::feed_topic(&caller.tenant));
        let follower = FeedFollower { detections: self.clone(), caller, place };
        Ok(follow(subscription, follower, Unseen { items: Vec::new(), has_more: true }))
    }

    /// How many of the caller's detections ever finished, and the last sequence number that expired.
    async fn counts(&self, caller: &Caller) -> Result<detection_counter::Model, DetectionError> {
        let counts = detection_counter::Entity::find_by_id(caller.tenant.clone());
        let counts = counts.one(self.tasks.database.reader()).await?;
        let tenant = || caller.tenant.clone();
        Ok(counts.unwrap_or_else(|| detection_counter::Model { tenant: tenant(), finished: 0, expired: 0 }))
    }

    /// The detections that finished right after `place`; fails if some of them have expired.
    async fn finished_behind(&self, caller: &Caller, place: i64) -> Result<Vec<Model>, DetectionError> {
        let behind = Tasks::<Entity>::owned(caller).filter(Column::Sequence.gt(place));
        let next = behind.order_by_asc(Column::Sequence).limit(BATCH);
        let next = next.all(self.tasks.database.reader()).await?;
        // Checked last: detections that have expired by now may be missing from the read above.
        if self.counts(caller).await?.expired > place {
            return Err(DetectionError::CursorExpired);
        }
        Ok(next)
    }
}

/// Follows the feed of a tenant.
struct FeedFollower {
    detections: Detections,
    caller: Caller,
    /// The number of the last detection that was handed on.
    place: i64,
}

impl Follower for FeedFollower {
    type Event = Arc<Model>;

    type Item = Arc<Model>;

    type Error = DetectionError;

    async fn read(&mut self) -> Result<Option<Unseen<Arc<Model>>>, DetectionError> {
        let missed = self.detections.finished_behind(&self.caller, self.place).await?;
        if let Some(last) = missed.last().and_then(|row| row.sequence) {
            self.place = last;
        }
        let has_more = !missed.is_empty();
        Ok(Some(Unseen { items: missed.into_iter().map(Arc::new).collect(), has_more }))
    }

    fn admit(&mut self, row: &Arc<Model>) -> Step<Arc<Model>> {
        match row.sequence {
            Some(sequence) if sequence > self.place => {
                self.place = sequence;
                Step::Next(row.clone())
            }
            _ => Step::Skip,
        }
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
