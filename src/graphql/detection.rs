//! Detection jobs: queries, mutations, subscriptions and their types.

use std::sync::Arc;

use async_graphql::connection::{CursorType, OpaqueCursor};
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject, Subscription};
use chrono::{DateTime, Utc};
use entity::detection::Model;
use entity::ids::DetectionId;
use entity::job_status;
use tokio_stream::{Stream, StreamExt};
use uuid::Uuid;

use super::context::ContextExt;
use super::cost;
use super::faces::DetectedFace;
use super::images::{ImageError, ImageInput};
use super::page::{Connection, Listed, page_request};
use super::shown::Shown;
use super::{ApiError, ErrorCode, ids};
use crate::detection::{Detections, FeedPlace, Wanted, annotated, original, stored_faces};

/// How far background work has come.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "job_status::JobStatus")]
pub(super) enum JobStatus {
    /// Stored; waits for its turn.
    Pending,
    /// Under way.
    Processing,
    /// Done.
    Completed,
    /// Given up; error says why.
    Failed,
}

/// An image whose faces are looked for in the background.
pub(super) struct Detection(Arc<Model>);

/// An image whose faces are looked for in the background.
#[Object]
impl Detection {
    /// Its TypeID, `detection_…`.
    pub(super) async fn id(&self) -> ID {
        ids::show(self.0.id)
    }

    /// How far it has come.
    async fn status(&self) -> JobStatus {
        self.0.status.into()
    }

    /// When it was submitted.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it became COMPLETED or FAILED.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.0.completed_at
    }

    /// The faces, largest first, in pixels of the submitted image; none until COMPLETED.
    #[expect(clippy::unused_async, reason = "every resolver must be")]
    #[graphql(complexity = "cost::list(10, child_complexity)")]
    async fn faces(&self) -> Result<Vec<DetectedFace>, ApiError> {
        Ok(stored_faces(&self.0)?.into_iter().map(DetectedFace::from).collect())
    }

    /// Width of the submitted image in pixels, as a person sees it.
    async fn width(&self) -> Option<i32> {
        Some(self.0.width)
    }

    /// Height of the submitted image in pixels, as a person sees it.
    async fn height(&self) -> Option<i32> {
        Some(self.0.height)
    }

    /// GET it: the picture with boxes and landmarks drawn in, a JPEG of at most 1,920 pixels on its long side; null
    /// until COMPLETED and after its retention. The link lets in whoever has it, for a limited time.
    #[expect(clippy::unused_async, reason = "every resolver must be")]
    async fn processed_image_url(&self, context: &Context<'_>) -> Result<Option<Shown<String>>, ApiError> {
        if self.0.status != job_status::JobStatus::Completed {
            return Ok(None);
        }
        let picture = annotated(&self.0.tenant, self.0.id);
        Shown::link(context, self.0.id, &picture, "image/jpeg").map(Some)
    }

    /// GET it: the image as it was submitted. The link lets in whoever has it, for a limited time.
    #[expect(clippy::unused_async, reason = "every resolver must be")]
    async fn original_image_url(&self, context: &Context<'_>) -> Result<Option<Shown<String>>, ApiError> {
        let picture = original(&self.0.tenant, self.0.id);
        Shown::link(context, self.0.id, &picture, &self.0.content_type).map(Some)
    }

    /// Why it FAILED; null otherwise.
    async fn error(&self) -> Option<ImageError> {
        ImageError::stored(self.0.error_code.as_deref(), self.0.error_message.as_deref())
    }
}

impl From<Model> for Detection {
    fn from(row: Model) -> Self {
        Self(Arc::new(row))
    }
}

impl Listed for Detection {
    type Row = Model;
    type Filter = Option<job_status::JobStatus>;

    fn place(row: &Model) -> Uuid {
        row.id.0
    }

    async fn count(context: &Context<'_>, status: &Option<job_status::JobStatus>) -> Result<u64, ApiError> {
        Ok(context.part::<Detections>()?.count(context.reader()?, *status).await?)
    }
}

#[derive(Default)]
pub(super) struct DetectionQuery;

#[Object]
impl DetectionQuery {
    /// A detection; null when there is none by this id.
    async fn detection(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "`detection_…`")] id: ID,
    ) -> Result<Option<Detection>, ApiError> {
        context.reader()?;
        let id: DetectionId = ids::parse(&id)?;
        Ok(context.loaders()?.load_one(id).await?.map(Detection::from))
    }

    /// The detections, newest first.
    #[graphql(complexity = "cost::list(first, child_complexity)")]
    async fn detections(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those that have come so far.")] status: Option<JobStatus>,
        #[graphql(desc = "How many, from 1 to 100.", default = 20)] first: i32,
        #[graphql(desc = "Only what comes behind this cursor.")] after: Option<String>,
    ) -> Result<Connection<Detection>, ApiError> {
        let (request, status) = (page_request(first, after.as_deref())?, status.map(Into::into));
        let page = context.part::<Detections>()?.list(context.reader()?, status, request).await?;
        Ok(Connection::new(request, page, status))
    }
}

#[derive(Default)]
pub(super) struct DetectionMutation;

#[Object]
impl DetectionMutation {
    /// Stores an image and returns at once with PENDING; its faces are looked for in the background.
    #[graphql(complexity = "cost::look(1, child_complexity)")]
    async fn submit_detection(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The image, and which of its faces.")] input: SubmitDetectionInput,
    ) -> Result<SubmitDetectionPayload, ApiError> {
        let caller = context.writer()?;
        let wanted = Wanted { min_confidence: input.min_confidence, max_faces: input.max_faces };
        let image = input.image.bytes(context).await?;
        let detections = context.part::<Detections>()?;
        let row = detections.submit(caller, image, wanted, input.idempotency_key.as_deref()).await?;
        Ok(SubmitDetectionPayload { detection: row.into() })
    }

    /// Deletes a detection with its pictures, stops work on it, and ends its subscriptions.
    #[graphql(complexity = "cost::act(child_complexity)")]
    async fn delete_detection(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which detection.")] input: DeleteDetectionInput,
    ) -> Result<DeleteDetectionPayload, ApiError> {
        let caller = context.writer()?;
        let id: DetectionId = context.target(&input.detection_id)?;
        context.part::<Detections>()?.delete(caller, id).await?;
        Ok(DeleteDetectionPayload { deleted_detection_id: ids::show(id) })
    }
}

#[derive(Default)]
pub(super) struct DetectionSubscription;

#[Subscription]
impl DetectionSubscription {
    /// Every detection as it finishes, COMPLETED or FAILED, in the order of finishing; with a cursor, first all
    /// that finished after it. A cursor older than the retention time is `CURSOR_EXPIRED`.
    async fn detection_feed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Begin behind this cursor of the feed.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<DetectionFeedItem, ApiError>> + use<>, ApiError> {
        let caller = context.reader()?.clone();
        let after = after.as_deref().map(parse_place).transpose()?;
        let finished = context.part::<Detections>()?.follow_feed(caller, after).await?;
        Ok(finished.map(|row| DetectionFeedItem::new(row?)))
    }

    /// The job now, then each change; ends when it is COMPLETED, FAILED or deleted.
    async fn detection_changed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "`detection_…`")] id: ID,
    ) -> Result<impl Stream<Item = Result<Detection, ApiError>> + use<>, ApiError> {
        let caller = context.reader()?;
        let id: DetectionId = ids::parse(&id)?;
        let changes = context.part::<Detections>()?.watch(caller, id).await?;
        Ok(changes.map(|change| change.map(Detection).map_err(ApiError::from)))
    }
}

/// A finished detection, and its place in the feed.
#[derive(SimpleObject)]
struct DetectionFeedItem {
    /// Its place: pass it as `after` to go on behind it.
    cursor: String,
    /// The detection.
    detection: Detection,
}

impl DetectionFeedItem {
    fn new(row: Arc<Model>) -> Result<Self, ApiError> {
        let place = FeedPlace::of(&row).ok_or_else(|| ApiError::internal("unfinished in the feed"))?;
        let cursor = OpaqueCursor((place.sequence, place.finished_at)).encode_cursor();
        Ok(Self { cursor, detection: Detection(row) })
    }
}

fn parse_place(cursor: &str) -> Result<FeedPlace, ApiError> {
    let place = OpaqueCursor::<(i64, DateTime<Utc>)>::decode_cursor(cursor);
    place
        .map(|OpaqueCursor((sequence, finished_at))| FeedPlace { sequence, finished_at })
        .map_err(|_| ApiError::new(ErrorCode::BadUserInput, "after is not a cursor of this feed"))
}

/// An image, and which of its faces are wanted.
#[derive(InputObject)]
struct SubmitDetectionInput {
    /// JPEG, PNG, WebP, GIF (its first frame) or BMP.
    image: ImageInput,
    /// No face below this confidence, 0 to 1. The detector's own threshold holds as well.
    min_confidence: Option<f64>,
    /// At most so many faces, the largest first; 1 to 1,000.
    #[graphql(default = 100)]
    max_faces: i32,
    /// Up to 255 bytes; a repeat with the same input returns the first detection.
    idempotency_key: Option<String>,
}

/// The stored detection.
#[derive(SimpleObject)]
struct SubmitDetectionPayload {
    /// The new detection, or the first one of this idempotency key.
    detection: Detection,
}

/// Which detection to delete.
#[derive(InputObject)]
struct DeleteDetectionInput {
    /// `detection_…`
    detection_id: ID,
}

/// What is gone.
#[derive(SimpleObject)]
struct DeleteDetectionPayload {
    /// The id of what was deleted.
    deleted_detection_id: ID,
}
