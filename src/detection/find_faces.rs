//! The job that looks for the faces of a submitted image.

use entity::detection::{Column, Entity, Model};
use entity::detection_counter;
use entity::ids::{DetectionId, Tenant};
use entity::job_status::JobStatus;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, UpdateMany};
use tracing::info;
use vision::DetectedFace;

use super::{ANNOTATED, DetectionError, Detections, Wanted, annotated, original};
use crate::database::Write;
use crate::failure::{Explanation, WorkError};
use crate::inference::{AnnotatedImage, EmbeddedEncoder, Urgency};
use crate::jobs::{Done, Failure, GaveUp, Handler, Job};

/// Looks for the faces of submitted images, one a job.
pub struct FindFaces {
    detections: Detections,
    engine: EmbeddedEncoder,
}

impl FindFaces {
    /// Looks for faces in the images of `detections` with `engine`.
    #[must_use]
    pub fn new(detections: Detections, engine: EmbeddedEncoder) -> Self {
        Self { detections, engine }
    }

    /// Applies `update`, which ends the detection of `job`, and gives it the next place in the tenant's feed.
    async fn end(&self, write: &mut Write, job: &Job, update: UpdateMany<Entity>) -> Result<(), DbErr> {
        let place = next_place(write, &job.tenant).await?;
        let ended = update
            .col_expr(Column::Sequence, Expr::value(place))
            .col_expr(Column::CompletedAt, Expr::value(self.detections.clock.now()));
        self.detections.change(write, ended.filter(Column::Id.eq(job.subject))).await
    }
}

impl Handler for FindFaces {
    const KIND: &'static str = "find_faces";

    type Output = Vec<DetectedFace>;

    type Error = WorkError;

    async fn begin(&self, write: &mut Write, jobs: &[&Job]) -> Result<(), DbErr> {
        let processing = Entity::update_many()
            .col_expr(Column::Status, Expr::value(JobStatus::Processing))
            .filter(Column::Id.is_in(jobs.iter().map(|job| job.subject)))
            .filter(Column::Status.eq(JobStatus::Pending));
        self.detections.change(write, processing).await
    }

    async fn perform(&self, job: &Job) -> Result<Vec<DetectedFace>, Failure<WorkError>> {
        let (blobs, id) = (&self.detections.blobs, DetectionId(job.subject));
        let row = Entity::find_by_id(id).one(self.detections.database.reader()).await;
        let row = row.map_err(|error| Failure::Transient(error.into()))?.ok_or(Failure::Lost)?;
        let image = blobs.get(&original(&job.tenant, id)).await?;
        let AnnotatedImage { faces, jpeg } =
            self.engine.annotate(image, Wanted::of(&row), Urgency::Background).await?;
        let detections = self.detections.clone();
        let exists = async move { detections.exists(id).await };
        blobs.put_while(&annotated(&job.tenant, id), jpeg, exists).await?;
        Ok(faces)
    }

    async fn finish(&self, write: &mut Write, done: &[&Done<Vec<DetectedFace>>]) -> Result<(), DbErr> {
        for Done { job, output } in done {
            let faces = serde_json::to_string(output).map_err(|error| DbErr::Json(error.to_string()))?;
            let completed = Entity::update_many()
                .col_expr(Column::Status, Expr::value(JobStatus::Completed))
                .col_expr(Column::Faces, Expr::value(faces));
            self.end(write, job, completed).await?;
        }
        Ok(())
    }

    async fn clean_up(&self, done: &[Done<Vec<DetectedFace>>]) {
        for Done { job, output } in done {
            let id = DetectionId(job.subject);
            info!(detection.id = %id, faces = output.len(), attempts = job.attempt, "looked for faces");
        }
    }

    async fn give_up(
        &self,
        write: &mut Write,
        job: &Job,
        reason: GaveUp<'_, WorkError>,
    ) -> Result<(), DbErr> {
        let Explanation { failure, message } = (&reason).into();
        let failed = Entity::update_many()
            .col_expr(Column::Status, Expr::value(JobStatus::Failed))
            .col_expr(Column::ErrorCode, Expr::value(failure.name()))
            .col_expr(Column::ErrorMessage, Expr::value(message));
        self.end(write, job, failed).await?;
        // An attempt whose result could not be written may have left one.
        let (detections, tenant, id) =
            (self.detections.clone(), job.tenant.clone(), DetectionId(job.subject));
        write.after_commit(move || {
            tokio::spawn(async move { detections.remove(&tenant, id, &[ANNOTATED]).await });
        });
        Ok(())
    }
}

impl Detections {
    /// Whether the detection has not been deleted; when nobody can tell, it is for the sweeper to see.
    async fn exists(&self, id: DetectionId) -> bool {
        !matches!(Entity::find_by_id(id).one(self.database.reader()).await, Ok(None))
    }

    /// Applies `update` to all detections that it picks, raises their revisions, and tells of them once `write` is
    /// committed.
    async fn change(&self, write: &mut Write, update: UpdateMany<Entity>) -> Result<(), DbErr> {
        let raising = update.col_expr(Column::Revision, Expr::col(Column::Revision).add(1));
        for row in raising.exec_with_returning(&**write).await? {
            self.announce(write, row);
        }
        Ok(())
    }
}

/// The faces of a detection, largest first; none unless it is COMPLETED.
///
/// # Errors
/// When the stored faces are not readable: a defect, or damage.
pub fn stored_faces(row: &Model) -> Result<Vec<DetectedFace>, DetectionError> {
    let faces = row.faces.as_deref().map(serde_json::from_str).transpose();
    let faces = faces.map_err(|error| DetectionError::Internal(format!("stored faces: {error}")))?;
    Ok(faces.unwrap_or_default())
}

/// Counts one more finished detection of the tenant.
async fn next_place(write: &Write, tenant: &Tenant) -> Result<i64, DbErr> {
    use detection_counter::{ActiveModel, Column, Entity};
    let first = ActiveModel { tenant: Set(tenant.clone()), finished: Set(1) };
    let raise = OnConflict::column(Column::Tenant)
        .value(Column::Finished, Expr::col((Entity, Column::Finished)).add(1))
        .to_owned();
    Ok(Entity::insert(first).on_conflict(raise).exec_with_returning(&**write).await?.finished)
}
