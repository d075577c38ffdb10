//! The job that draws a contour.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use entity::contour::{Column, Entity, Model};
use entity::ids::{ContourId, Tenant};
use entity::job_status::JobStatus;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, UpdateMany};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tracing::info;
use vision::contour::{self, ContourRequest, Position, Region, SegmentationMap};
use vision::{ImageError, ImageHeader, ImageLimits, Picture};

use super::{ContourStyle, Contours, IMAGES, Levelling, MAPS, blob, drawing};
use crate::database::Write;
use crate::failure::{Explanation, WorkError};
use crate::jobs::{Done, Failure, GaveUp, Handler, Job};

/// Draws contours, one a job.
pub struct DrawContour {
    contours: Contours,
    /// How many are drawn at once: drawing keeps a processor busy.
    turns: Arc<Semaphore>,
}

impl DrawContour {
    /// Draws the contours of `contours`, as many at once as there are processors.
    #[must_use]
    pub fn new(contours: Contours) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { contours, turns: Arc::new(Semaphore::new(processors)) }
    }

    async fn work(&self, job: &Job) -> Result<Work, Failure<WorkError>> {
        let (contours, id) = (&self.contours, ContourId(job.subject));
        let row = Entity::find_by_id(id).one(contours.database.reader()).await;
        let row: Model = row.map_err(|error| Failure::Transient(error.into()))?.ok_or(Failure::Lost)?;
        let unreadable = |error: serde_json::Error| DbErr::Json(error.to_string());
        let read = || Ok((Vec::deserialize(&row.landmarks)?, ContourStyle::deserialize(&row.style)?));
        let (landmarks, style) =
            read().map_err(unreadable).map_err(|error| Failure::Permanent(error.into()))?;
        Ok(Work {
            image: contours.blobs.get(&blob(&job.tenant, id, IMAGES)).await?,
            map: contours.blobs.get(&blob(&job.tenant, id, MAPS)).await?,
            landmarks,
            style,
            least_area: contours.config.least_area,
            limits: contours.limits,
        })
    }

    async fn end(&self, write: &mut Write, job: &Job, update: UpdateMany<Entity>) -> Result<(), DbErr> {
        let now = self.contours.clock.now();
        let ended = update.col_expr(Column::CompletedAt, Expr::value(now)).filter(Column::Id.eq(job.subject));
        self.change(write, ended).await
    }

    /// Applies `update` to all contours that it picks, raises their revisions, and tells of them once `write` is
    /// committed.
    async fn change(&self, write: &mut Write, update: UpdateMany<Entity>) -> Result<(), DbErr> {
        let raising = update.col_expr(Column::Revision, Expr::col(Column::Revision).add(1));
        for row in raising.exec_with_returning(&**write).await? {
            self.contours.announce(write, row);
        }
        Ok(())
    }
}

impl Handler for DrawContour {
    const KIND: &'static str = "draw_contour";

    type Output = Drawn;

    type Error = WorkError;

    async fn begin(&self, write: &mut Write, jobs: &[&Job]) -> Result<(), DbErr> {
        let processing = Entity::update_many()
            .col_expr(Column::Status, Expr::value(JobStatus::Processing))
            .filter(Column::Id.is_in(jobs.iter().map(|job| job.subject)))
            .filter(Column::Status.eq(JobStatus::Pending));
        self.change(write, processing).await
    }

    async fn perform(&self, job: &Job) -> Result<Drawn, Failure<WorkError>> {
        let Ok(_turn) = self.turns.acquire().await else { return Err(Failure::Lost) };
        let work = self.work(job).await?;
        let drawing_it = tokio::task::spawn_blocking(move || work.draw());
        let (drawn, svg) = match drawing_it.await {
            Ok(result) => result.map_err(|error| Failure::Permanent(error.into()))?,
            Err(_) => return Err(Failure::Lost),
        };
        self.contours.blobs.put(&drawing(&job.tenant, ContourId(job.subject)), svg.into()).await?;
        Ok(drawn)
    }

    async fn finish(&self, write: &mut Write, done: &[&Done<Drawn>]) -> Result<(), DbErr> {
        for Done { job, output } in done {
            let json = |error: serde_json::Error| DbErr::Json(error.to_string());
            let levelling = serde_json::to_value(&output.levelling).map_err(json)?;
            let regions = serde_json::to_value(&output.regions).map_err(json)?;
            let completed = Entity::update_many()
                .col_expr(Column::Status, Expr::value(JobStatus::Completed))
                .col_expr(Column::Levelling, Expr::value(levelling))
                .col_expr(Column::Regions, Expr::value(regions));
            self.end(write, job, completed).await?;
        }
        Ok(())
    }

    async fn clean_up(&self, done: &[Done<Drawn>]) {
        for Done { job, output } in done {
            let id = ContourId(job.subject);
            info!(contour.id = %id, regions = output.regions.len(), attempts = job.attempt, "drew a contour");
            self.contours.remove(&job.tenant, id, &[IMAGES, MAPS]).await;
        }
    }

    async fn give_up(
        &self,
        write: &mut Write,
        job: &Job,
        reason: GaveUp<'_, WorkError>,
    ) -> Result<(), DbErr> {
        let Explanation { failure, message } = (&reason).into();
        // Without the key, the same request is drawn anew.
        let failed = Entity::update_many()
            .col_expr(Column::Status, Expr::value(JobStatus::Failed))
            .col_expr(Column::CacheKey, Expr::value(None::<String>))
            .col_expr(Column::ErrorCode, Expr::value(failure.name()))
            .col_expr(Column::ErrorMessage, Expr::value(message));
        self.end(write, job, failed).await?;
        let (contours, tenant, id) = (self.contours.clone(), job.tenant.clone(), ContourId(job.subject));
        write.after_commit(move || {
            tokio::spawn(remove_input(contours, tenant, id));
        });
        Ok(())
    }
}

async fn remove_input(contours: Contours, tenant: Tenant, id: ContourId) {
    contours.remove(&tenant, id, &[IMAGES, MAPS]).await;
}

/// What a drawing says beside its picture.
pub struct Drawn {
    levelling: Levelling,
    regions: Vec<Region>,
}

/// All that one drawing needs.
struct Work {
    image: Bytes,
    map: Bytes,
    landmarks: Vec<Position>,
    style: ContourStyle,
    least_area: u32,
    limits: ImageLimits,
}

impl Work {
    /// The numbers, and the SVG document.
    fn draw(self) -> Result<(Drawn, String), contour::ContourError> {
        // A panic in a decoder, which would be a defect, ends this contour and not the service.
        catch_unwind(AssertUnwindSafe(|| self.try_draw())).unwrap_or_else(|_| {
            let reason = "the decoder broke off".into();
            Err(contour::ContourError::Embedding(ImageError::Invalid { reason }))
        })
    }

    fn try_draw(&self) -> Result<(Drawn, String), contour::ContourError> {
        let unreadable = contour::ContourError::Embedding;
        let header = ImageHeader::read(&self.image, &self.limits).map_err(unreadable)?;
        let request = ContourRequest {
            width: header.width,
            height: header.height,
            landmarks: &self.landmarks,
            style: self.style.style,
            least_area: self.least_area,
        };
        let map = SegmentationMap::decode(&self.map, &self.limits)?;
        let picture = Picture::decode(&self.image, &self.limits).map_err(unreadable)?;
        let drawn = contour::draw(&request, &map, self.style.embeds_image.then_some(&picture))?;
        let contour::Contours { width, height, transform, rotation_degrees, regions, dropped_specks, svg } =
            drawn;
        let levelling = Levelling { width, height, transform, rotation_degrees, dropped_specks };
        Ok((Drawn { levelling, regions }, svg))
    }
}
