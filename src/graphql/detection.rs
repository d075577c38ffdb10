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
use super::execution::audited_field::AuditedField;
use super::execution::complexity;
use super::types::faces::DetectedFace;
use super::types::images::{ImageError, ImageInput};
use super::types::page::{Connection, Listed, page_request};
use super::{ApiError, ErrorCode, ids};
use crate::detection::{Detections, FaceSelection, FeedPlace, annotated, original, stored_faces};

/// State of a background job.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "job_status::JobStatus")]
pub(super) enum JobStatus {
    /// Stored; the job waits in the queue.
    Pending,
    /// The job is running.
    Processing,
    /// The job succeeded; its results are available.
    Completed,
    /// The job failed for good; `error` says why.
    Failed,
}

/// A detection job.
pub(super) struct Detection(Arc<Model>);

/// A background job that detects the faces of an image. Deleted with its files after the retention time (1 day by
/// default).
#[Object]
impl Detection {
    /// TypeID, `detection_…`.
    pub(super) async fn id(&self) -> ID {
        ids::show(self.0.id)
    }

    /// State of the job.
    async fn status(&self) -> JobStatus {
        self.0.status.into()
    }

    /// When the image was submitted.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the job became COMPLETED or FAILED; null until then.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.0.completed_at
    }

    /// The detected faces, largest first, at most `maxFaces`, in pixels of the submitted image. Empty until COMPLETED.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    #[graphql(complexity = "complexity::list(10, child_complexity)")]
    async fn faces(&self) -> Result<Vec<DetectedFace>, ApiError> {
        Ok(stored_faces(&self.0)?.into_iter().map(DetectedFace::from).collect())
    }

    /// Width of the submitted image in pixels, after its EXIF orientation is applied.
    async fn width(&self) -> Option<i32> {
        Some(self.0.width)
    }

    /// Height of the submitted image in pixels, after its EXIF orientation is applied.
    async fn height(&self) -> Option<i32> {
        Some(self.0.height)
    }

    /// URL to GET the annotated image from: a JPEG with boxes and landmarks drawn in, its longer side at most 1,920
    /// pixels. Null until COMPLETED. The URL is signed, so no API key is needed; it is valid for a limited time (about
    /// an hour by default) and at most until the detection is deleted. Reading this field is recorded in the audit log.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn processed_image_url(
        &self,
        context: &Context<'_>,
    ) -> Result<Option<AuditedField<String>>, ApiError> {
        if self.0.status != job_status::JobStatus::Completed {
            return Ok(None);
        }
        let picture = annotated(&self.0.tenant, self.0.id);
        AuditedField::link(context, self.0.id, &picture, "image/jpeg").map(Some)
    }

    /// URL to GET the submitted file from. The URL is signed, so no API key is needed; it is valid for a limited time
    /// (about an hour by default) and at most until the detection is deleted. Reading this field is recorded in the
    /// audit log.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn original_image_url(
        &self,
        context: &Context<'_>,
    ) -> Result<Option<AuditedField<String>>, ApiError> {
        let picture = original(&self.0.tenant, self.0.id);
        AuditedField::link(context, self.0.id, &picture, &self.0.content_type).map(Some)
    }

    /// Why the job FAILED; null otherwise.
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
    /// The detection with this id; null if there is none.
    async fn detection(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the detection, `detection_…`.")] id: ID,
    ) -> Result<Option<Detection>, ApiError> {
        context.reader()?;
        let id: DetectionId = ids::parse(&id)?;
        Ok(context.loaders()?.load_one(id).await?.map(Detection::from))
    }

    /// The tenant's detections, newest first.
    #[graphql(complexity = "complexity::list(first, child_complexity)")]
    async fn detections(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only detections in this state; all if omitted.")] status: Option<JobStatus>,
        #[graphql(desc = "Maximum number to return, 1 to 100.", default = 20)] first: i32,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
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
    /// Stores an image and returns immediately with a PENDING detection; its faces are detected in the background.
    /// Follow it with `detectionChanged` or `detectionFeed`. Errors: those of `ImageInput`, `BAD_USER_INPUT`,
    /// `CONFLICT`.
    #[graphql(complexity = "complexity::look(1, child_complexity)")]
    async fn submit_detection(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The image, and which of its faces to return.")] input: SubmitDetectionInput,
    ) -> Result<SubmitDetectionPayload, ApiError> {
        let caller = context.writer()?;
        let wanted = FaceSelection { min_confidence: input.min_confidence, max_faces: input.max_faces };
        let image = input.image.bytes(context).await?;
        let detections = context.part::<Detections>()?;
        let row = detections.submit(caller, image, wanted, input.idempotency_key.as_deref()).await?;
        Ok(SubmitDetectionPayload { detection: row.into() })
    }

    /// Deletes a detection and its files, cancels its job and ends its subscriptions. Error: `NOT_FOUND`.
    #[graphql(complexity = "complexity::act(child_complexity)")]
    async fn delete_detection(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The detection to delete.")] input: DeleteDetectionInput,
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
    /// Emits every detection of the tenant as it becomes COMPLETED or FAILED, in the order of finishing, without gaps
    /// or duplicates. With a cursor, starts with the detections that finished after it. Errors: `CURSOR_EXPIRED` for a
    /// cursor older than the retention time, `BAD_USER_INPUT` for one of another list.
    async fn detection_feed(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "Start after this cursor of the feed; if omitted, with the next detection that finishes."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<DetectionFeedItem, ApiError>> + use<>, ApiError> {
        let caller = context.reader()?.clone();
        let after = after.as_deref().map(parse_place).transpose()?;
        let finished = context.part::<Detections>()?.follow_feed(caller, after).await?;
        Ok(finished.map(|row| DetectionFeedItem::new(row?)))
    }

    /// Emits the detection's present state, then every change. Completes once the detection is COMPLETED, FAILED or
    /// deleted. Error: `NOT_FOUND`.
    async fn detection_changed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the detection, `detection_…`.")] id: ID,
    ) -> Result<impl Stream<Item = Result<Detection, ApiError>> + use<>, ApiError> {
        let caller = context.reader()?;
        let id: DetectionId = ids::parse(&id)?;
        let changes = context.part::<Detections>()?.watch(caller, id).await?;
        Ok(changes.map(|change| change.map(Detection).map_err(ApiError::from)))
    }
}

/// A finished detection and its position in the feed.
#[derive(SimpleObject)]
struct DetectionFeedItem {
    /// Position of this item. Pass it as `after` to continue after this item.
    cursor: String,
    /// The detection, COMPLETED or FAILED.
    detection: Detection,
}

impl DetectionFeedItem {
    fn new(row: Arc<Model>) -> Result<Self, ApiError> {
        let place =
            FeedPlace::of(&row).ok_or_else(|| ApiError::internal("an unfinished detection in the feed"))?;
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

/// An image, and which of its faces to return.
#[derive(InputObject)]
struct SubmitDetectionInput {
    /// The image: JPEG, PNG, WebP, GIF (first frame only) or BMP.
    image: ImageInput,
    /// Minimum detector confidence of a returned face, 0 to 1. The detector's own threshold always applies as well.
    min_confidence: Option<f64>,
    /// Maximum number of faces to return, largest first; 1 to 1,000.
    #[graphql(default = 100)]
    max_faces: i32,
    /// 1 to 255 bytes. Repeating the mutation with the same key and input returns the first detection; a different
    /// input is `CONFLICT`.
    idempotency_key: Option<String>,
}

/// Result of `submitDetection`.
#[derive(SimpleObject)]
struct SubmitDetectionPayload {
    /// The new detection, or the first one created with this idempotency key.
    detection: Detection,
}

/// The detection to delete.
#[derive(InputObject)]
struct DeleteDetectionInput {
    /// Id of the detection, `detection_…`.
    detection_id: ID,
}

/// Result of `deleteDetection`.
#[derive(SimpleObject)]
struct DeleteDetectionPayload {
    /// Id of the deleted detection.
    deleted_detection_id: ID,
}
