//! Contour jobs: query, mutations, subscription and their types.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Subscription};
use chrono::{DateTime, Utc};
use entity::contour::Model;
use entity::ids::ContourId;
use entity::job_status;
use serde::Serialize;
use tokio_stream::{Stream, StreamExt};
use vision::contour::{Position, Region, Style};

use super::context::ContextExt;
use super::detection::JobStatus;
use super::execution::audited_field::AuditedField;
use super::execution::complexity;
use super::types::faces::Point;
use super::types::images::{ImageError, ImageInput};
use super::{ApiError, ids};
use crate::contours::{ContourRequest, ContourStyle, Contours, Levelling, drawing, stored_levelling};

/// A contour job.
pub(super) struct Contour(Arc<Model>);

/// A background job that draws the regions of a face as outlines, rotated so that the eyes are level. Deleted after the
/// retention time (1 day by default).
#[Object]
impl Contour {
    /// TypeID, `contour_…`.
    pub(super) async fn id(&self) -> ID {
        ids::show(self.0.id)
    }

    /// State of the job.
    async fn status(&self) -> JobStatus {
        self.0.status.into()
    }

    /// When the job was submitted.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the job became COMPLETED or FAILED; null until then.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.0.completed_at
    }

    /// The drawing as a standalone SVG document, below 300,000 bytes without the embedded image. Null until COMPLETED.
    /// Reading this field is recorded in the audit log.
    #[graphql(complexity = "complexity::work(300, child_complexity)")]
    async fn svg(&self, context: &Context<'_>) -> Result<Option<AuditedField<String>>, ApiError> {
        let svg = context.part::<Contours>()?.svg(&self.0).await?;
        Ok(svg.map(|svg| AuditedField::new(self.0.id, svg)))
    }

    /// URL to GET the SVG document from. Null until COMPLETED. The URL is signed, so no API key is needed; it is valid
    /// for a limited time (about an hour by default) and at most until the contour is deleted. Reading this field is
    /// recorded in the audit log.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn svg_url(&self, context: &Context<'_>) -> Result<Option<AuditedField<String>>, ApiError> {
        if self.0.status != job_status::JobStatus::Completed {
            return Ok(None);
        }
        let drawing = drawing(&self.0.tenant, self.0.id);
        AuditedField::link(context, self.0.id, &drawing, "image/svg+xml").map(Some)
    }

    /// Width of the levelled image in pixels; null until COMPLETED.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn width(&self) -> Result<Option<u32>, ApiError> {
        Ok(self.levelling()?.map(|levelling| levelling.width))
    }

    /// Height of the levelled image in pixels; null until COMPLETED.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn height(&self) -> Result<Option<u32>, ApiError> {
        Ok(self.levelling()?.map(|levelling| levelling.height))
    }

    /// Affine transform from the submitted image to the levelled image: six numbers (a, b, c, d, e, f) with x' = ax +
    /// cy + e and y' = bx + dy + f. Null until COMPLETED.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn transform(&self) -> Result<Option<Vec<f64>>, ApiError> {
        Ok(self.levelling()?.map(|levelling| levelling.transform.into()))
    }

    /// Clockwise rotation of the image in degrees, above -180 up to 180; null until COMPLETED.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn rotation_degrees(&self) -> Result<Option<f64>, ApiError> {
        Ok(self.levelling()?.map(|levelling| levelling.rotation_degrees))
    }

    /// The drawn regions in ascending order of their labels; empty until COMPLETED. Reading this field is recorded in
    /// the audit log.
    #[graphql(complexity = "complexity::work(200, child_complexity)")]
    async fn regions(&self, context: &Context<'_>) -> Result<Vec<AuditedField<ContourRegion>>, ApiError> {
        let regions = context.part::<Contours>()?.regions(&self.0).await?;
        Ok(regions.into_iter().map(|region| AuditedField::new(self.0.id, region.into())).collect())
    }

    /// Number of regions, and of separate parts of regions, that were too small to be drawn (below 16 pixels by
    /// default); null until COMPLETED.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn dropped_specks(&self) -> Result<Option<usize>, ApiError> {
        Ok(self.levelling()?.map(|levelling| levelling.dropped_specks))
    }

    /// Why the job FAILED; null otherwise.
    async fn error(&self) -> Option<ImageError> {
        ImageError::stored(self.0.error_code.as_deref(), self.0.error_message.as_deref())
    }
}

impl Contour {
    fn levelling(&self) -> Result<Option<Levelling>, ApiError> {
        Ok(stored_levelling(&self.0)?)
    }
}

impl From<Model> for Contour {
    fn from(row: Model) -> Self {
        Self(Arc::new(row))
    }
}

/// A region: all closed outlines of one label of the segmentation map, in pixels of the levelled image.
#[derive(SimpleObject, Serialize)]
pub(crate) struct ContourRegion {
    /// The region's grey level in the segmentation map, or its color as the number 0xRRGGBB.
    label: u32,
    /// The region's color in the drawing, `#rrggbb`.
    color: String,
    /// Closed outlines, including those of holes, to be filled by the even-odd rule. Neighboring regions share the
    /// points of their common border.
    polygons: Vec<Vec<Point>>,
    /// The region's area in the segmentation map, in square pixels.
    area: f64,
}

impl From<Region> for ContourRegion {
    fn from(Region { label, color, polygons, area }: Region) -> Self {
        let points = |polygon: Vec<Position>| polygon.into_iter().map(Point::from).collect();
        Self { label, color, polygons: polygons.into_iter().map(points).collect(), area }
    }
}

#[derive(Default)]
pub(super) struct ContourQuery;

#[Object]
impl ContourQuery {
    /// The contour with this id; null if there is none.
    async fn contour(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the contour, `contour_…`.")] id: ID,
    ) -> Result<Option<Contour>, ApiError> {
        context.reader()?;
        let id: ContourId = ids::parse(&id)?;
        Ok(context.loaders()?.load_one(id).await?.map(Contour::from))
    }
}

#[derive(Default)]
pub(super) struct ContourMutation;

#[Object]
impl ContourMutation {
    /// Submits a contour job and returns immediately: a new contour, PENDING, or the contour of an earlier identical
    /// request. Follow a new one with `contourChanged`. Errors: those of `ImageInput`, `INVALID_LANDMARKS`,
    /// `SEGMENTATION_MISMATCH`, `BAD_USER_INPUT` for a style out of range, `CONFLICT`.
    #[graphql(complexity = "complexity::look(1, child_complexity)")]
    async fn submit_contour(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What to draw, and in which style.")] input: SubmitContourInput,
    ) -> Result<SubmitContourPayload, ApiError> {
        let caller = context.writer()?;
        let request = ContourRequest {
            image: input.image.bytes(context).await?,
            segmentation_map: input.segmentation_map.bytes(context).await?,
            landmarks: input.landmarks.into_iter().map(|PointInput { x, y }| Position::new(x, y)).collect(),
            style: input.style.unwrap_or_default().into(),
        };
        let contours = context.part::<Contours>()?;
        let submitted = contours.submit(caller, request, input.idempotency_key.as_deref()).await?;
        Ok(SubmitContourPayload { contour: submitted.row.into(), cached: submitted.cached })
    }

    /// Deletes a contour and its files, cancels its job and ends its subscriptions. Error: `NOT_FOUND`.
    #[graphql(complexity = "complexity::act(child_complexity)")]
    async fn delete_contour(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The contour to delete.")] input: DeleteContourInput,
    ) -> Result<DeleteContourPayload, ApiError> {
        let caller = context.writer()?;
        let id: ContourId = context.target(&input.contour_id)?;
        context.part::<Contours>()?.delete(caller, id).await?;
        Ok(DeleteContourPayload { deleted_contour_id: ids::show(id) })
    }
}

#[derive(Default)]
pub(super) struct ContourSubscription;

#[Subscription]
impl ContourSubscription {
    /// Emits the contour's present state, then every change. Completes once the contour is COMPLETED, FAILED or
    /// deleted. Error: `NOT_FOUND`.
    async fn contour_changed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the contour, `contour_…`.")] id: ID,
    ) -> Result<impl Stream<Item = Result<Contour, ApiError>> + use<>, ApiError> {
        let caller = context.reader()?;
        let id: ContourId = ids::parse(&id)?;
        let changes = context.part::<Contours>()?.watch(caller, id).await?;
        Ok(changes.map(|change| change.map(Contour).map_err(ApiError::from)))
    }
}

/// An image of a face, its segmentation map and landmarks, and the style of the drawing.
#[derive(InputObject)]
struct SubmitContourInput {
    /// The image of the face. Its size is that after its EXIF orientation is applied.
    image: ImageInput,
    /// The segmentation map, of the same size as the image, in a lossless format such as PNG. Each distinct grey level
    /// or color other than 0 is one region, at most 64. Alpha is ignored.
    segmentation_map: ImageInput,
    /// 2 to 1,024 points in the image, the eyes first. Five points (in the order of `FaceLandmarks`) or 68 (iBUG order)
    /// are fitted to a template by least squares; with any other number, the face is levelled by the first two alone.
    landmarks: Vec<PointInput>,
    /// Style of the drawing. Omitted fields take their defaults.
    style: Option<ContourStyleInput>,
    /// 1 to 255 bytes. Repeating the mutation with the same key and input returns the first contour; a different input
    /// is `CONFLICT`.
    idempotency_key: Option<String>,
}

/// A point in pixels of the image after its EXIF orientation is applied, from its top left corner.
#[derive(InputObject)]
struct PointInput {
    /// Distance from the left edge, in pixels.
    x: f64,
    /// Distance from the top edge, in pixels.
    y: f64,
}

/// Style of a contour drawing.
#[derive(InputObject)]
struct ContourStyleInput {
    /// Opacity of the regions' fill, from 0 (outlines only) to 1 (opaque).
    #[graphql(default = 0.25)]
    fill_opacity: f64,
    /// Width of the outlines in pixels, 0 to 100; 0 draws none.
    #[graphql(default = 2.0)]
    stroke_width: f64,
    /// Whether the outlines are dashed.
    #[graphql(default = false)]
    dashed: bool,
    /// Strength of the outlines' smoothing, 0 to 10. At 0 they follow the map's pixels, unless the map is so detailed
    /// that the drawing must be simplified to stay below 300,000 bytes.
    #[graphql(default = 1.0)]
    smoothing: f64,
    /// Whether the levelled image is embedded below the regions.
    #[graphql(default = true)]
    embed_image: bool,
}

impl Default for ContourStyleInput {
    fn default() -> Self {
        let Style { fill_opacity, stroke_width, is_dashed, smoothing } = Style::default();
        Self { fill_opacity, stroke_width, dashed: is_dashed, smoothing, embed_image: true }
    }
}

impl From<ContourStyleInput> for ContourStyle {
    fn from(input: ContourStyleInput) -> Self {
        let ContourStyleInput { fill_opacity, stroke_width, dashed, smoothing, embed_image } = input;
        let style = Style { fill_opacity, stroke_width, is_dashed: dashed, smoothing };
        Self { style, embeds_image: embed_image }
    }
}

/// Result of `submitContour`.
#[derive(SimpleObject)]
struct SubmitContourPayload {
    /// The new contour, or that of an earlier identical request.
    contour: Contour,
    /// True if an earlier identical request was COMPLETED and `contour` is its result.
    cached: bool,
}

/// The contour to delete.
#[derive(InputObject)]
struct DeleteContourInput {
    /// Id of the contour, `contour_…`.
    contour_id: ID,
}

/// Result of `deleteContour`.
#[derive(SimpleObject)]
struct DeleteContourPayload {
    /// Id of the deleted contour.
    deleted_contour_id: ID,
}
