//! The job that encodes an image, and reading of stored encodings.

use std::collections::HashMap;
use std::sync::Arc;

use entity::encoding::{Column, Entity, Model};
use entity::ids::{EncodingId, ImageId, Tenant};
use entity::image;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, UpdateMany,
};
use tracing::info;
use uuid::Uuid;
use vision::DetectedFace;

use super::rows::{self, ENCODE_IMAGE, blob_name};
use super::{ContainerError, Containers};
use crate::access::caller::Caller;
use crate::images::failure::{Explanation, WorkError};
use crate::inference::{Client, Encoder, Encoding};
use crate::jobs::{Done, Failure, GaveUp, Handler, Job};
use crate::store::database::Write;

/// Encodings inserted per statement: SQLite accepts at most 32,766 parameters, and a row has seven.
const ROWS_TOGETHER: usize = 1000;

/// Job handler that encodes uploaded images, one per job.
pub struct EncodeImage {
    containers: Containers,
    encoder: Encoder,
}

impl EncodeImage {
    /// A handler for images of `containers` that uses `encoder`, whose model must be registered already.
    #[must_use]
    pub fn new(containers: Containers, encoder: Encoder) -> Self {
        Self { containers, encoder }
    }

    fn rows(&self, Done { job, output }: &Done<Vec<Encoding>>) -> Result<Vec<Arc<Model>>, DbErr> {
        let model = self.encoder.model().digest.to_string();
        let rows = output.iter().zip(0..).map(|(encoding, position)| {
            let face = encoding.face.as_ref().map(serde_json::to_value).transpose();
            Ok(Arc::new(Model {
                id: EncodingId(Uuid::now_v7()),
                tenant: job.tenant.clone(),
                image_id: ImageId(job.subject),
                position,
                model_digest: model.clone(),
                vector: encoding.vector.iter().flat_map(|number| number.to_le_bytes()).collect(),
                face: face.map_err(|error| DbErr::Json(error.to_string()))?,
            }))
        });
        rows.collect()
    }
}

impl Handler for EncodeImage {
    const KIND: &'static str = ENCODE_IMAGE;

    type Output = Vec<Encoding>;

    type Error = WorkError;

    async fn begin(&self, write: &mut Write, jobs: &[&Job]) -> Result<(), DbErr> {
        let subjects = jobs.iter().map(|job| job.subject);
        let attempts = image::Entity::update_many()
            .col_expr(image::Column::Attempts, Expr::col(image::Column::Attempts).add(1))
            .filter(image::Column::Id.is_in(subjects));
        self.containers.change_all(write, attempts, |_| Vec::new()).await
    }

    async fn perform(&self, job: &Job) -> Result<Vec<Encoding>, Failure<WorkError>> {
        let name = blob_name(&job.tenant, ImageId(job.subject));
        let bytes = self.containers.blobs.get(&name).await?;
        Ok(self.encoder.encode(&Client::job(&job.tenant), bytes).await?)
    }

    async fn finish(&self, write: &mut Write, done: &[&Done<Vec<Encoding>>]) -> Result<(), DbErr> {
        let mut encodings = HashMap::new();
        for done in done {
            encodings.insert(ImageId(done.job.subject), self.rows(done)?);
        }
        let new: Vec<_> = encodings.values().flatten().collect();
        for rows in new.chunks(ROWS_TOGETHER) {
            let rows = rows.iter().map(|row| Model::clone(row).into_active_model().reset_all());
            Entity::insert_many(rows).exec_without_returning(&**write).await?;
        }
        let completed = ended(image::Status::Completed, self.containers.clock.now())
            .col_expr(image::Column::BytesKept, Expr::value(false))
            .filter(image::Column::Id.is_in(encodings.keys().copied()));
        self.containers.change_all(write, completed, |id| encodings.remove(&id).unwrap_or_default()).await
    }

    async fn clean_up(&self, done: &[Done<Vec<Encoding>>]) {
        for Done { job, output } in done {
            info!(image.id = %ImageId(job.subject), faces = output.len(), attempts = job.attempt, "encoded an image");
            self.containers.remove_bytes(&job.tenant, ImageId(job.subject)).await;
        }
    }

    async fn give_up(
        &self,
        write: &mut Write,
        job: &Job,
        reason: GaveUp<'_, WorkError>,
    ) -> Result<(), DbErr> {
        let Explanation { failure, message } = (&reason).into();
        let failed = ended(image::Status::Failed, self.containers.clock.now())
            .col_expr(image::Column::ErrorCode, Expr::value(failure.name()))
            .col_expr(image::Column::ErrorMessage, Expr::value(message));
        self.containers.change(write, image_of(job), failed, Vec::new()).await.map(drop)
    }
}

impl Containers {
    /// The encodings of those of the given images that belong to the caller, each image's largest face first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn encodings_of(
        &self,
        caller: &Caller,
        images: &[ImageId],
    ) -> Result<Vec<Model>, ContainerError> {
        Ok(rows::encodings_in(caller, images).all(self.database.reader()).await?)
    }

    /// Returns those of `ids` that are the caller's encodings, in no particular order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn encodings(&self, caller: &Caller, ids: &[EncodingId]) -> Result<Vec<Model>, ContainerError> {
        let wanted = Column::Id.is_in(ids.iter().copied());
        Ok(rows::encodings_of(caller).filter(wanted).all(self.database.reader()).await?)
    }
}

/// Decodes the vector of a stored encoding.
#[must_use]
pub fn stored_vector(encoding: &Model) -> Vec<f64> {
    encoding.vector.as_chunks().0.iter().copied().map(f64::from_le_bytes).collect()
}

/// The detected face of a stored encoding; `None` if a remote service returned only the vector.
///
/// # Errors
/// When the stored JSON cannot be read, because of a bug or corruption.
pub fn stored_face(encoding: &Model) -> Result<Option<DetectedFace>, ContainerError> {
    let face = encoding.face.as_ref().map(serde::Deserialize::deserialize).transpose();
    face.map_err(|error: serde_json::Error| ContainerError::internal(format!("a stored face: {error}")))
}

fn image_of(job: &Job) -> (&Tenant, ImageId) {
    (&job.tenant, ImageId(job.subject))
}

fn ended(status: image::Status, now: chrono::DateTime<chrono::Utc>) -> UpdateMany<image::Entity> {
    image::Entity::update_many()
        .col_expr(image::Column::Status, Expr::value(status))
        .col_expr(image::Column::CompletedAt, Expr::value(now))
}
