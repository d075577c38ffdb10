//! The job that detects the faces of a submitted image.

use std::sync::Arc;

use entity::detection::{Column, Entity, Model};
use entity::detection_counter;
use entity::ids::{DetectionId, Tenant};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, ExprTrait, UpdateMany};
use tracing::info;
use vision::DetectedFace;

use super::{ANNOTATED, DetectionError, Detections, FaceSelection, annotated, original};
use crate::images::failure::WorkError;
use crate::inference::{AnnotatedImage, Client, EmbeddedEncoder, Urgency};
use crate::jobs::{Done, Failure, GaveUp, Handler, Job};
use crate::store::database::Write;

/// Job handler that detects faces in submitted images, one per job.
pub struct FindFaces {
    detections: Detections,
    engine: EmbeddedEncoder,
}

impl FindFaces {
    /// A handler for the images of `detections` that uses `engine`.
    #[must_use]
    pub fn new(detections: Detections, engine: EmbeddedEncoder) -> Self {
        Self { detections, engine }
    }

    /// Applies `update`, which finishes the detection of `job`, assigns the next sequence number in the tenant's feed,
    /// and publishes the detection there after `write` is committed.
    async fn end(&self, write: &mut Write, job: &Job, update: UpdateMany<Entity>) -> Result<(), DbErr> {
        let Detections { tasks, feed, .. } = &self.detections;
        let place = next_place(write, &job.tenant).await?;
        let ended = tasks.end(write, job, update.col_expr(Column::Sequence, Expr::value(place))).await?;
        if let Some(row) = ended {
            let (feed, topic) = (feed.clone(), Detections::feed_topic(&row.tenant));
            write.after_commit(move || feed.publish(&topic, Arc::clone(&row)));
        }
        Ok(())
    }
}

impl Handler for FindFaces {
    const KIND: &'static str = "find_faces";

    type Output = Vec<DetectedFace>;

    type Error = WorkError;

    async fn begin(&self, write: &mut Write, jobs: &[&Job]) -> Result<(), DbErr> {
        self.detections.tasks.begin(write, jobs).await
    }

    async fn perform(&self, job: &Job) -> Result<Vec<DetectedFace>, Failure<WorkError>> {
        let (tasks, id) = (&self.detections.tasks, DetectionId(job.subject));
        let row = tasks.row(job.subject).await?.ok_or(Failure::Lost)?;
        let image = tasks.blobs.get(&original(&job.tenant, id)).await?;
        let (client, wanted) = (Client::job(&job.tenant), FaceSelection::of(&row));
        let AnnotatedImage { faces, jpeg } =
            self.engine.annotate(&client, image, wanted, Urgency::Background).await?;
        tasks.keep_file(&annotated(&job.tenant, id), jpeg).await?;
        Ok(faces)
    }

    async fn finish(&self, write: &mut Write, done: &[&Done<Vec<DetectedFace>>]) -> Result<(), DbErr> {
        for Done { job, output } in done {
            let faces = serde_json::to_string(output).map_err(|error| DbErr::Json(error.to_string()))?;
            let completed = self.detections.tasks.completed();
            self.end(write, job, completed.col_expr(Column::Faces, Expr::value(faces))).await?;
        }
        Ok(())
    }

    async fn clean_up(&self, done: &[Done<Vec<DetectedFace>>]) {
        for Done { job, output } in done {
            let id = DetectionId(job.subject);
            info!(detection.id = %id, faces = output.len(), attempts = job.attempt, "detected faces");
        }
    }

    async fn give_up(
        &self,
        write: &mut Write,
        job: &Job,
        reason: GaveUp<'_, WorkError>,
    ) -> Result<(), DbErr> {
        let tasks = &self.detections.tasks;
        self.end(write, job, tasks.failed(&reason)).await?;
        // An earlier attempt whose result could not be written may have left an annotated copy.
        tasks.remove_files_after(write, job, &[ANNOTATED]);
        Ok(())
    }
}

/// The faces of a detection, largest first; empty unless it is COMPLETED.
///
/// # Errors
/// When the stored JSON cannot be read, because of a bug or corruption.
pub fn stored_faces(row: &Model) -> Result<Vec<DetectedFace>, DetectionError> {
    let faces = row.faces.as_deref().map(serde_json::from_str).transpose();
    let faces = faces.map_err(|error| DetectionError::internal(format!("stored faces: {error}")))?;
    Ok(faces.unwrap_or_default())
}

/// Increments the tenant's number of finished detections and returns it.
async fn next_place(write: &Write, tenant: &Tenant) -> Result<i64, DbErr> {
    use detection_counter::{ActiveModel, Column, Entity};
    let first = ActiveModel { tenant: Set(tenant.clone()), finished: Set(1), expired: Set(0) };
    let raise = OnConflict::column(Column::Tenant)
        .value(Column::Finished, Expr::col((Entity, Column::Finished)).add(1))
        .to_owned();
    Ok(Entity::insert(first).on_conflict(raise).exec_with_returning(&**write).await?.finished)
}
