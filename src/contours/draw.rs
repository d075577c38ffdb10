//! The job that draws a contour.

use std::num::NonZeroUsize;
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
use vision::contour::{self, ContourRequest, Position, SegmentationMap};
use vision::{ImageHeader, ImageLimits, Picture};

use super::submit::StoredStyle;
use super::{ContourStyle, Contours, DRAWINGS, IMAGES, Levelling, MAPS, REGIONS, blob};
use crate::database::Write;
use crate::failure::{Explanation, WorkError};
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
        let (contours, id) = (&self.contours, ContourId(job.subject));
        let row = Entity::find_by_id(id).one(contours.database.reader()).await;
        let row: Model = row.map_err(|error| Failure::Transient(error.into()))?.ok_or(Failure::Lost)?;
        let unreadable = |error: serde_json::Error| Failure::Permanent(DbErr::Json(error.to_string()).into());
        Ok(Work {
            image: contours.blobs.get(&blob(&job.tenant, id, IMAGES)).await?,
            map: contours.blobs.get(&blob(&job.tenant, id, MAPS)).await?,
            landmarks: Vec::deserialize(&row.landmarks).map_err(unreadable)?,
            style: StoredStyle::deserialize(&row.style).map_err(unreadable)?,
            limits: contours.limits,
        })
    }

    async fn keep(&self, job: &Job, kind: &'static str, bytes: Bytes) -> Result<(), Failure<WorkError>> {
        let (contours, id) = (self.contours.clone(), ContourId(job.subject));
        let exists = async move { contours.exists(id).await };
        Ok(self.contours.blobs.put_while(&blob(&job.tenant, id, kind), bytes, exists).await?)
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

    type Output = Levelling;

    type Error = WorkError;

    async fn begin(&self, write: &mut Write, jobs: &[&Job]) -> Result<(), DbErr> {
        let processing = Entity::update_many()
            .col_expr(Column::Status, Expr::value(JobStatus::Processing))
            .filter(Column::Id.is_in(jobs.iter().map(|job| job.subject)))
            .filter(Column::Status.eq(JobStatus::Pending));
        self.change(write, processing).await
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
        self.keep(job, REGIONS, regions.map_err(Failure::Permanent)?.into()).await?;
        self.keep(job, DRAWINGS, drawn.svg.into()).await?;
        let contour::Contours { width, height, transform, rotation_degrees, dropped_specks, .. } = drawn;
        Ok(Levelling { width, height, transform, rotation_degrees, dropped_specks })
    }

    async fn finish(&self, write: &mut Write, done: &[&Done<Levelling>]) -> Result<(), DbErr> {
        for Done { job, output } in done {
            let levelling = serde_json::to_value(output).map_err(|error| DbErr::Json(error.to_string()))?;
            let completed = Entity::update_many()
                .col_expr(Column::Status, Expr::value(JobStatus::Completed))
                .col_expr(Column::Levelling, Expr::value(levelling));
            self.end(write, job, completed).await?;
        }
        Ok(())
    }

    async fn clean_up(&self, done: &[Done<Levelling>]) {
        for Done { job, output } in done {
            let id = ContourId(job.subject);
            info!(contour.id = %id, specks = output.dropped_specks, attempts = job.attempt, "drew a contour");
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
            tokio::spawn(remove_all(contours, tenant, id));
        });
        Ok(())
    }
}

async fn remove_all(contours: Contours, tenant: Tenant, id: ContourId) {
    contours.remove(&tenant, id, &[IMAGES, MAPS, DRAWINGS, REGIONS]).await;
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
