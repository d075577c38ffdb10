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

use super::submit::StoredStyle;
use super::{ContourStyle, Contours, DRAWINGS, IMAGES, Levelling, MAPS, REGIONS, blob};
use crate::database::Write;
use crate::failure::WorkError;
use crate::jobs::{Done, Failure, GaveUp, Handler, Job};

/// Draws contours, one a job.
pub struct DrawContour {
    contours: Contours,
    /// How many are drawn at once. Drawing keeps a processor busy, and people who wait for the engine come first.
    turns: Arc<Semaphore>,
}

impl DrawContour {
    /// Draws the contours of `contours`, as many at once as half of the processors can.
    #[must_use]
    pub fn new(contours: Contours) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { contours, turns: Arc::new(Semaphore::new(processors.div_ceil(2))) }
    }

    async fn work(&self, job: &Job) -> Result<Work, Failure<WorkError>> {
        let Contours { submissions, limits, .. } = &self.contours;
        let id = ContourId(job.subject);
        let row = submissions.row(job.subject).await?.ok_or(Failure::Lost)?;
        let unreadable = |error: serde_json::Error| Failure::Permanent(WorkError::Defect(error.to_string()));
        Ok(Work {
            image: submissions.blobs.get(&blob(&job.tenant, id, IMAGES)).await?,
            map: submissions.blobs.get(&blob(&job.tenant, id, MAPS)).await?,
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
        self.contours.submissions.begin(write, jobs).await
    }

    async fn perform(&self, job: &Job) -> Result<Levelling, Failure<WorkError>> {
        let Ok(turn) = self.turns.clone().acquire_owned().await else { return Err(Failure::Lost) };
        let work = self.work(job).await?;
        // The turn is over with the drawing, also when nobody waits for it any longer.
        let drawing = tokio::task::spawn_blocking(move || {
            let drawn = work.draw();
            drop(turn);
            drawn
        });
        let drawn = match drawing.await {
            Ok(drawn) => drawn.map_err(|error| Failure::Permanent(error.into()))?,
            Err(panic) => return Err(Failure::Permanent(WorkError::Defect(panic.to_string()))),
        };
        let regions =
            serde_json::to_vec(&drawn.regions).map_err(|error| WorkError::Defect(error.to_string()));
        let regions = regions.map_err(Failure::Permanent)?;
        for (kind, bytes) in [(REGIONS, Bytes::from(regions)), (DRAWINGS, drawn.svg.into())] {
            let name = blob(&job.tenant, ContourId(job.subject), kind);
            self.contours.submissions.keep_file(&name, bytes).await?;
        }
        let contour::Contours { width, height, transform, rotation_degrees, dropped_specks, .. } = drawn;
        Ok(Levelling { width, height, transform, rotation_degrees, dropped_specks })
    }

    async fn finish(&self, write: &mut Write, done: &[&Done<Levelling>]) -> Result<(), DbErr> {
        let submissions = &self.contours.submissions;
        for Done { job, output } in done {
            let levelling = serde_json::to_value(output).map_err(|error| DbErr::Json(error.to_string()))?;
            let completed = submissions.completed().col_expr(Column::Levelling, Expr::value(levelling));
            submissions.end(write, job, completed).await?;
        }
        Ok(())
    }

    async fn clean_up(&self, done: &[Done<Levelling>]) {
        for Done { job, output } in done {
            let id = ContourId(job.subject);
            info!(contour.id = %id, specks = output.dropped_specks, attempts = job.attempt, "drew a contour");
            self.contours.submissions.remove_files(&job.tenant, job.subject, &[IMAGES, MAPS]).await;
        }
    }

    async fn give_up(
        &self,
        write: &mut Write,
        job: &Job,
        reason: GaveUp<'_, WorkError>,
    ) -> Result<(), DbErr> {
        let submissions = &self.contours.submissions;
        // Without the key, the same request is drawn anew.
        let failed = submissions.failed(&reason).col_expr(Column::CacheKey, Expr::value(None::<String>));
        submissions.end(write, job, failed).await?;
        submissions.remove_files_after(write, job, &[IMAGES, MAPS, DRAWINGS, REGIONS]);
        Ok(())
    }
}

/// All that one drawing needs.
struct Work {
    image: Bytes,
    map: Bytes,
    landmarks: Vec<Position>,
    style: StoredStyle,
    limits: ImageLimits,
}

impl Work {
    fn draw(&self) -> Result<contour::Contours, contour::ContourError> {
        let StoredStyle { style: ContourStyle { style, embeds_image }, least_area } = self.style;
        let header =
            ImageHeader::read(&self.image, &self.limits).map_err(contour::ContourError::UnreadableImage)?;
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
