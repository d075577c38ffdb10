//! The job that encodes an image, and encodings as they are stored.

use std::collections::HashMap;
use std::sync::Arc;

use entity::encoding::{Column, Entity, Model};
use entity::ids::{EncodingId, ImageId, Tenant};
use entity::image;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder,
    UpdateMany,
};
use tracing::info;
use uuid::Uuid;
use vision::DetectedFace;

use super::image::blob_name;
use super::{Verification, VerificationError};
use crate::caller::Caller;
use crate::database::Write;
use crate::failure::{Explanation, WorkError};
use crate::inference::{Client, Encoder, Encoding};
use crate::jobs::{Done, Failure, GaveUp, Handler, Job};

/// Encodings inserted by one statement: SQLite takes 32,766 variables, and a row has seven.
const ROWS_TOGETHER: usize = 1000;

/// Encodes uploaded images, one a job.
pub struct EncodeImage {
    verification: Verification,
    encoder: Encoder,
}

impl EncodeImage {
    /// Encodes images of `verification` with `encoder`, whose model must have been noted.
    #[must_use]
    pub fn new(verification: Verification, encoder: Encoder) -> Self {
        Self { verification, encoder }
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
    const KIND: &'static str = "encode_image";

    type Output = Vec<Encoding>;

    type Error = WorkError;

    async fn begin(&self, write: &mut Write, jobs: &[&Job]) -> Result<(), DbErr> {
        let subjects = jobs.iter().map(|job| job.subject);
        let attempts = image::Entity::update_many()
            .col_expr(image::Column::Attempts, Expr::col(image::Column::Attempts).add(1))
            .filter(image::Column::Id.is_in(subjects));
        self.verification.change_all(write, attempts, |_| Vec::new()).await
    }

    async fn perform(&self, job: &Job) -> Result<Vec<Encoding>, Failure<WorkError>> {
        let name = blob_name(&job.tenant, ImageId(job.subject));
        let bytes = self.verification.blobs.get(&name).await?;
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
        let completed = ended(image::Status::Completed, self.verification.clock.now())
            .col_expr(image::Column::BytesKept, Expr::value(false))
            .filter(image::Column::Id.is_in(encodings.keys().copied()));
        self.verification.change_all(write, completed, |id| encodings.remove(&id).unwrap_or_default()).await
    }

    async fn clean_up(&self, done: &[Done<Vec<Encoding>>]) {
        for Done { job, output } in done {
            info!(image.id = %ImageId(job.subject), faces = output.len(), attempts = job.attempt, "encoded an image");
            self.verification.remove_bytes(&job.tenant, ImageId(job.subject)).await;
        }
    }

    async fn give_up(
        &self,
        write: &mut Write,
        job: &Job,
        reason: GaveUp<'_, WorkError>,
    ) -> Result<(), DbErr> {
        let Explanation { failure, message } = (&reason).into();
        let failed = ended(image::Status::Failed, self.verification.clock.now())
            .col_expr(image::Column::ErrorCode, Expr::value(failure.name()))
            .col_expr(image::Column::ErrorMessage, Expr::value(message));
        self.verification.change(write, image_of(job), failed, Vec::new()).await.map(drop)
    }
}

impl Verification {
    /// The encodings of the caller's images, each image's largest face first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn encodings_of(
        &self,
        caller: &Caller,
        images: &[ImageId],
    ) -> Result<Vec<Model>, VerificationError> {
        Ok(of_images(caller, images).all(self.database.reader()).await?)
    }

    /// The caller's encodings among `ids`, in no order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn encodings(
        &self,
        caller: &Caller,
        ids: &[EncodingId],
    ) -> Result<Vec<Model>, VerificationError> {
        let wanted = Column::Id.is_in(ids.iter().copied());
        Ok(owned(caller).filter(wanted).all(self.database.reader()).await?)
    }
}

/// The numbers of a stored encoding.
#[must_use]
pub fn stored_vector(encoding: &Model) -> Vec<f64> {
    encoding.vector.as_chunks().0.iter().copied().map(f64::from_le_bytes).collect()
}

/// The face of a stored encoding; `None` when a remote service gave the vector alone.
///
/// # Errors
/// When the stored face is not readable: a defect, or damage.
pub fn stored_face(encoding: &Model) -> Result<Option<DetectedFace>, VerificationError> {
    let face = encoding.face.as_ref().map(serde::Deserialize::deserialize).transpose();
    face.map_err(|error: serde_json::Error| VerificationError::Internal(format!("a stored face: {error}")))
}

fn image_of(job: &Job) -> (&Tenant, ImageId) {
    (&job.tenant, ImageId(job.subject))
}

fn ended(status: image::Status, now: chrono::DateTime<chrono::Utc>) -> UpdateMany<image::Entity> {
    image::Entity::update_many()
        .col_expr(image::Column::Status, Expr::value(status))
        .col_expr(image::Column::CompletedAt, Expr::value(now))
}

/// The encodings of the caller's images, each image's largest face first.
pub(super) fn of_images(caller: &Caller, images: &[ImageId]) -> sea_orm::Select<Entity> {
    let wanted = Column::ImageId.is_in(images.iter().copied());
    owned(caller).filter(wanted).order_by_asc(Column::ImageId).order_by_asc(Column::Position)
}

fn owned(caller: &Caller) -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(caller.tenant.clone()))
}
