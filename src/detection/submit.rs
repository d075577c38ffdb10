//! Submitting detections: stores the image, enqueues the job and returns the detection as PENDING.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entity::detection::{Entity, Model};
use entity::ids::DetectionId;
use entity::job_status::JobStatus;
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use super::{DetectionError, Detections, FaceSelection, FindFaces, ORIGINALS, original};
use crate::access::caller::Caller;
use crate::images::intake::{Found, Intake, take_in};
use crate::images::upload::Upload;
use crate::jobs::Handler;
use crate::store::database::Write;
use crate::store::idempotency;
use crate::store::idempotency::IdempotencyKey;

impl Detections {
    /// Stores an image and enqueues its detection. Returns the detection as PENDING once it is durably stored.
    ///
    /// # Errors
    /// [`DetectionError`] when the image, the arguments or the key are invalid. Nothing is stored then.
    pub async fn submit(
        &self,
        caller: &Caller,
        image: Bytes,
        wanted: FaceSelection,
        key: Option<&str>,
    ) -> Result<Model, DetectionError> {
        wanted.check()?;
        let upload = Upload::measure(image, self.limits).await?;
        let FaceSelection { min_confidence, max_faces } = wanted;
        let key = key.map(|key| IdempotencyKey {
            tenant: &caller.tenant,
            operation: "submitDetection",
            parent: Uuid::nil(),
            key,
            input_digest: idempotency::digest(
                format!("{} {min_confidence:?} {max_faces}", upload.sha256).as_bytes(),
            ),
        });
        let row = pending(caller, &upload, wanted, self.tasks.clock.now());
        let mut submission = Submission { detections: self, caller, row, bytes: upload.bytes, key };
        take_in(&self.tasks.database, &mut submission).await
    }
}

/// A detection that is being submitted.
struct Submission<'a> {
    detections: &'a Detections,
    caller: &'a Caller,
    row: Model,
    bytes: Bytes,
    key: Option<IdempotencyKey<'a>>,
}

impl Intake for Submission<'_> {
    type Kept = Model;

    type Error = DetectionError;

    async fn find<C: ConnectionTrait>(&self, database: &C) -> Result<Option<Found<Model>>, DetectionError> {
        let Some(key) = &self.key else { return Ok(None) };
        let Some(earlier) = key.earlier(database).await? else { return Ok(None) };
        self.caller.trail.about([DetectionId(earlier).into()]);
        let found = Entity::find_by_id(DetectionId(earlier)).one(database).await?;
        found.ok_or(DetectionError::NotFound).map(Found::Repeat).map(Some)
    }

    async fn store(&mut self) -> Result<(), DetectionError> {
        let name = original(&self.row.tenant, self.row.id);
        Ok(self.detections.tasks.blobs.put(&name, self.bytes.clone()).await?)
    }

    async fn insert(&mut self, write: &mut Write) -> Result<Model, DetectionError> {
        let row = self.row.clone();
        Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(&**write).await?;
        self.detections.tasks.queue.enqueue(write, &row.tenant, FindFaces::KIND, row.id.0).await?;
        if let Some(key) = &self.key {
            key.remember(write, row.id.0, row.created_at).await?;
        }
        self.caller.trail.record(write, [row.id.into()]).await?;
        Ok(row)
    }

    async fn discard(&mut self) {
        self.detections.tasks.remove_files(&self.row.tenant, self.row.id.0, &[ORIGINALS]).await;
    }
}

/// A new row with status PENDING.
fn pending(caller: &Caller, upload: &Upload, wanted: FaceSelection, now: DateTime<Utc>) -> Model {
    Model {
        id: DetectionId(Uuid::now_v7()),
        tenant: caller.tenant.clone(),
        status: JobStatus::Pending,
        revision: 1,
        min_confidence: wanted.min_confidence,
        max_faces: wanted.max_faces,
        content_type: upload.header.format.content_type().to_owned(),
        width: upload.width(),
        height: upload.height(),
        faces: None,
        sequence: None,
        error_code: None,
        error_message: None,
        created_at: now,
        completed_at: None,
    }
}
