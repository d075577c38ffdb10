//! Contour jobs: queries, mutations, the subscription and their types.

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
use super::cost;
use super::detection::JobStatus;
use super::faces::Point;
use super::images::{ImageError, ImageInput};
use super::shown::Shown;
use super::{ApiError, ids};
use crate::contours::{ContourRequest, ContourStyle, Contours, Levelling, drawing, stored_levelling};

/// The regions of a face as levelled outlines, drawn in the background.
pub(super) struct Contour(Arc<Model>);

/// The regions of a face as levelled outlines, drawn in the background.
#[Object]
impl Contour {
    /// Its TypeID, `contour_…`.
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

    /// Standalone SVG document; null until COMPLETED. Below 300,000 bytes without the picture.
    #[graphql(complexity = "cost::work(300, child_complexity)")]
    async fn svg(&self, context: &Context<'_>) -> Result<Option<Shown<String>>, ApiError> {
        let svg = context.part::<Contours>()?.svg(&self.0).await?;
        Ok(svg.map(|svg| Shown::new(self.0.id, svg)))
    }

    /// GET it: the same document; null until COMPLETED. The link lets in whoever has it, for a limited time.
    #[expect(clippy::unused_async, reason = "every resolver must be")]
    async fn svg_url(&self, context: &Context<'_>) -> Result<Option<Shown<String>>, ApiError> {
        if self.0.status != job_status::JobStatus::Completed {
            return Ok(None);
        }
        let drawing = drawing(&self.0.tenant, self.0.id);
        Shown::link(context, self.0.id, &drawing, "image/svg+xml").map(Some)
    }

    /// Width of the levelled picture, in pixels; null until COMPLETED.
    #[expect(clippy::unused_async, reason = "every resolver must be")]
    async fn width(&self) -> Result<Option<u32>, ApiError> {
        Ok(self.levelling()?.map(|levelling| levelling.width))
    }

    /// Height of the levelled picture, in pixels; null until COMPLETED.
    #[expect(clippy::unused_async, reason = "every resolver must be")]
    async fn height(&self) -> Result<Option<u32>, ApiError> {
        Ok(self.levelling()?.map(|levelling| levelling.height))
    }

    /// The six numbers (a, b, c, d, e, f) that take a point of the given image to the levelled picture: x' = ax + cy + e,
    /// y' = bx + dy + f. Null until COMPLETED.
    #[expect(clippy::unused_async, reason = "every resolver must be")]
    async fn transform(&self) -> Result<Option<Vec<f64>>, ApiError> {
        Ok(self.levelling()?.map(|levelling| levelling.transform.into()))
    }

    /// Degrees by which the image was turned, clockwise; null until COMPLETED.
    #[expect(clippy::unused_async, reason = "every resolver must be")]
    async fn rotation_degrees(&self) -> Result<Option<f64>, ApiError> {
        Ok(self.levelling()?.map(|levelling| levelling.rotation_degrees))
    }

    /// The regions by label, ascending; none until COMPLETED.
    #[graphql(complexity = "cost::work(200, child_complexity)")]
    async fn regions(&self, context: &Context<'_>) -> Result<Vec<Shown<ContourRegion>>, ApiError> {
        let regions = context.part::<Contours>()?.regions(&self.0).await?;
        Ok(regions.into_iter().map(|region| Shown::new(self.0.id, region.into())).collect())
    }

    /// Regions smaller than the smallest area that is drawn, and parts of others that are; null until COMPLETED.
    #[expect(clippy::unused_async, reason = "every resolver must be")]
    async fn dropped_specks(&self) -> Result<Option<usize>, ApiError> {
        Ok(self.levelling()?.map(|levelling| levelling.dropped_specks))
    }

    /// Why it FAILED; null otherwise.
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

/// All closed outlines of one label of the segmentation map, in pixels of the levelled image.
#[derive(SimpleObject, Serialize)]
pub(crate) struct ContourRegion {
    /// Its grey level in the segmentation map, or its colour as 0xRRGGBB.
    label: u32,
    /// Its colour in the drawing, `#rrggbb`.
    color: String,
    /// Outlines and the outlines of holes, to be filled by the even-odd rule. Neighbours share the points of their border.
    polygons: Vec<Vec<Point>>,
    /// Its size in the segmentation map, in square pixels.
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
    /// A contour; null when there is none by this id.
    async fn contour(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "`contour_…`")] id: ID,
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
    /// Returns at once: the contour of an identical request, or a new one as PENDING, which is drawn in the background.
    #[graphql(complexity = "cost::look(1, child_complexity)")]
    async fn submit_contour(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What is to be drawn, and how.")] input: SubmitContourInput,
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

    /// Deletes a contour with its drawing, stops work on it, and ends its subscriptions.
    #[graphql(complexity = "cost::act(child_complexity)")]
    async fn delete_contour(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which contour.")] input: DeleteContourInput,
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
    /// The job now, then each change; ends when it is COMPLETED, FAILED or deleted.
    async fn contour_changed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "`contour_…`")] id: ID,
    ) -> Result<impl Stream<Item = Result<Contour, ApiError>> + use<>, ApiError> {
        let caller = context.reader()?;
        let id: ContourId = ids::parse(&id)?;
        let changes = context.part::<Contours>()?.watch(caller, id).await?;
        Ok(changes.map(|change| change.map(Contour).map_err(ApiError::from)))
    }
}

/// What is to be drawn, and how.
#[derive(InputObject)]
struct SubmitContourInput {
    /// The picture of a face.
    image: ImageInput,
    /// Same size as the image, best as PNG; each distinct non-zero grey level or colour is one region, at most 64. Alpha is
    /// not looked at.
    segmentation_map: ImageInput,
    /// At least two, the first two being the eyes. Five (the order of `FaceLandmarks`) or 68 (iBUG order) are fitted to a
    /// template by least squares; with any other number the first two alone level the face.
    landmarks: Vec<PointInput>,
    /// How it is to look; all of it may be left out.
    style: Option<ContourStyleInput>,
    /// Up to 255 bytes; a repeat with the same input returns the first contour.
    idempotency_key: Option<String>,
}

/// A place in the image, in pixels from its top left corner.
#[derive(InputObject)]
struct PointInput {
    /// To the right.
    x: f64,
    /// Downwards.
    y: f64,
}

/// How a contour is to look.
#[derive(InputObject)]
struct ContourStyleInput {
    /// From 0 (outlines only) to 1 (nothing shines through).
    #[graphql(default = 0.25)]
    fill_opacity: f64,
    /// In pixels, 0 to 100; 0 draws no outlines.
    #[graphql(default = 2.0)]
    stroke_width: f64,
    /// Whether outlines are dashed.
    #[graphql(default = false)]
    dashed: bool,
    /// How far outlines are evened out, 0 to 10; at 0 they keep to the map's pixels, unless the map has so much detail
    /// that the drawing must be simplified to stay below 300,000 bytes.
    #[graphql(default = 1.0)]
    smoothing: f64,
    /// Whether the picture lies under them.
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

/// A contour that was asked for.
#[derive(SimpleObject)]
struct SubmitContourPayload {
    /// The contour.
    contour: Contour,
    /// The same request had been computed before; contour is that earlier one.
    cached: bool,
}

/// Which contour to delete.
#[derive(InputObject)]
struct DeleteContourInput {
    /// `contour_…`
    contour_id: ID,
}

/// What is gone.
#[derive(SimpleObject)]
struct DeleteContourPayload {
    /// The id of what was deleted.
    deleted_contour_id: ID,
}
