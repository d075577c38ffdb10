//! The job that draws a contour.

use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use entity::contour::Column;
use entity::ids::ContourId;
use sea_orm::DbErr;
use sea_orm::sea_query::Expr;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tracing::info;
use vision::contour::{self, ContourRequest, Position, SegmentationMap};
use vision::{ImageHeader, ImageLimits, Picture};

use super::style::StoredStyle;
use super::{ContourStyle, Contours, DRAWINGS, IMAGES, Levelling, MAPS, REGIONS, blob};
use crate::images::failure::WorkError;
use crate::inference::{Client, EmbeddedEncoder};
use crate::jobs::{Done, Failure, GaveUp, Handler, Job};
use crate::store::database::Write;

/// Job handler that draws contours, one per job.
pub struct DrawContour {
    contours: Contours,
    /// Provides the memory budget for decoding.
    engine: EmbeddedEncoder,
    /// Limits concurrent drawings. Drawing is CPU-bound, and requests that wait for the engine have priority.
    turns: Arc<Semaphore>,
}

impl DrawContour {
    /// A handler for `contours`. It uses at most half of the processors, and the memory that `engine` reserves for
    /// decoding.
    #[must_use]
    pub fn new(contours: Contours, engine: EmbeddedEncoder) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { contours, engine, turns: Arc::new(Semaphore::new(processors.div_ceil(2))) }
    }

    async fn work(&self, job: &Job) -> Result<Work, Failure<WorkError>> {
        let Contours { tasks, limits, .. } = &self.contours;
        let id = ContourId(job.subject);
        let row = tasks.row(job.subject).await?.ok_or(Failure::Lost)?;
        let unreadable = |error: serde_json::Error| Failure::Permanent(WorkError::Defect(error.to_string()));
        Ok(Work {
            image: tasks.blobs.get(&blob(&job.tenant, id, IMAGES)).await?,
            map: tasks.blobs.get(&blob(&job.tenant, id, MAPS)).await?,
            landmarks: Vec::deserialize(&row.landmarks).map_err(unreadable)?,
            style: StoredStyle::deserialize(&row.style).map_err(unreadable)?,
            limits: *limits,
        })
    }
}

impl Handler for DrawContour {
    const KIND: &'static str = "draw_contour";

    type Output = Levelling;

    type Error = WorkError;

    async fn begin(&self, write: &mut Write, jobs: &[&Job]) -> Result<(), DbErr> {
        self.contours.tasks.begin(write, jobs).await
    }

    async fn perform(&self, job: &Job) -> Result<Levelling, Failure<WorkError>> {
        let Ok(turn) = self.turns.clone().acquire_owned().await else { return Err(Failure::Lost) };
        let work = Arc::new(self.work(job).await?);
        let measured = work.clone();
        let bytes = blocking(move || measured.memory_bytes()).await?;
        let reservation = self.engine.reserve(&Client::job(&job.tenant), bytes).await?;
        // Both are released when the drawing ends, even if the job was cancelled meanwhile.
        let drawn = blocking(move || {
            let drawn = work.draw();
            drop((turn, reservation));
            drawn
        });
        let drawn = drawn.await?;
        let regions =
            serde_json::to_vec(&drawn.regions).map_err(|error| WorkError::Defect(error.to_string()));
        let regions = regions.map_err(Failure::Permanent)?;
        for (kind, bytes) in [(REGIONS, Bytes::from(regions)), (DRAWINGS, drawn.svg.into())] {
            let name = blob(&job.tenant, ContourId(job.subject), kind);
            self.contours.tasks.keep_file(&name, bytes).await?;
        }
        let contour::Contours { width, height, transform, rotation_degrees, dropped_specks, .. } = drawn;
        Ok(Levelling { width, height, transform, rotation_degrees, dropped_specks })
    }

    async fn finish(&self, write: &mut Write, done: &[&Done<Levelling>]) -> Result<(), DbErr> {
        let tasks = &self.contours.tasks;
        for Done { job, output } in done {
            let levelling = serde_json::to_value(output).map_err(|error| DbErr::Json(error.to_string()))?;
            let completed = tasks.completed().col_expr(Column::Levelling, Expr::value(levelling));
            tasks.end(write, job, completed).await?;
        }
        Ok(())
    }

    async fn clean_up(&self, done: &[Done<Levelling>]) {
        for Done { job, output } in done {
            let id = ContourId(job.subject);
            info!(contour.id = %id, specks = output.dropped_specks, attempts = job.attempt, "drew a contour");
            self.contours.tasks.remove_files(&job.tenant, job.subject, &[IMAGES, MAPS]).await;
        }
    }

    async fn give_up(
        &self,
        write: &mut Write,
        job: &Job,
        reason: GaveUp<'_, WorkError>,
    ) -> Result<(), DbErr> {
        let tasks = &self.contours.tasks;
        // Clears the key, so that the same request is drawn again.
        let failed = tasks.failed(&reason).col_expr(Column::CacheKey, Expr::value(None::<String>));
        tasks.end(write, job, failed).await?;
        tasks.remove_files_after(write, job, &[IMAGES, MAPS, DRAWINGS, REGIONS]);
        Ok(())
    }
}

/// Runs `work` on a blocking thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, contour::ContourError> + Send + 'static,
) -> Result<T, Failure<WorkError>> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Failure::Permanent(error.into())),
        Err(panic) => Err(Failure::Permanent(WorkError::Defect(panic.to_string()))),
    }
}

/// Inputs of one drawing.
struct Work {
    image: Bytes,
    map: Bytes,
    landmarks: Vec<Position>,
    style: StoredStyle,
    limits: ImageLimits,
}

impl Work {
    /// Maximum memory that the drawing needs.
    fn memory_bytes(&self) -> Result<u64, contour::ContourError> {
        let map = ImageHeader::read_map(&self.map, &self.limits);
        let map = map.map_err(contour::ContourError::UnreadableMap)?;
        let picture = if self.style.style.embeds_image { Some(self.header()?) } else { None };
        Ok(contour::drawing_memory(&map, picture.as_ref()))
    }

    fn header(&self) -> Result<ImageHeader, contour::ContourError> {
        ImageHeader::read(&self.image, &self.limits).map_err(contour::ContourError::UnreadableImage)
    }

    fn draw(&self) -> Result<contour::Contours, contour::ContourError> {
        let StoredStyle { style: ContourStyle { style, embeds_image }, least_area } = self.style;
        let header = self.header()?;
        let request = ContourRequest {
            width: header.width,
            height: header.height,
            landmarks: &self.landmarks,
            style,
            least_area,
        };
        let map = SegmentationMap::decode(&self.map, &self.limits)?;
        let picture = embeds_image.then(|| Picture::decode(&self.image, &self.limits)).transpose();
        contour::draw(&request, &map, picture.map_err(contour::ContourError::UnreadableImage)?.as_ref())
    }
}
