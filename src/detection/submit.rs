//! A new detection: stored, its job enqueued, answered as PENDING.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entity::detection::{Entity, Model};
use entity::ids::DetectionId;
use entity::job_status::JobStatus;
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel};
use uuid::Uuid;
use vision::DetectOptions;

use super::{DetectionError, Detections, FindFaces, ORIGINALS, original};
use crate::caller::Caller;
use crate::database::Write;
use crate::idempotency::{self, IdempotencyKey};
use crate::jobs::Handler;
use crate::upload::Upload;

/// Most faces that may be asked for.
const MAX_FACES: i32 = 1000;

/// Which faces are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// None below this confidence, 0 to 1; `None` leaves it to the detector.
    pub min_confidence: Option<f64>,
    /// At most so many, the largest first: 1 to 1,000.
    pub max_faces: i32,
}

impl Wanted {
    fn check(self) -> Result<(), DetectionError> {
        if !self.min_confidence.is_none_or(|least| (0.0..=1.0).contains(&least)) {
            return Err(DetectionError::BadInput("minConfidence is from 0 to 1".into()));
        }
        if !(1..=MAX_FACES).contains(&self.max_faces) {
            return Err(DetectionError::BadInput(format!("maxFaces is from 1 to {MAX_FACES}")));
        }
        Ok(())
    }

    /// As the engine takes it.
    pub(super) fn of(row: &Model) -> DetectOptions {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a confidence of 0 to 1, which the engine gives as f32"
        )]
        let min_confidence = row.min_confidence.map(|least| least as f32);
        DetectOptions { min_confidence, max_faces: usize::try_from(row.max_faces).ok() }
    }
}

impl Detections {
    /// Stores an image and asks for its faces; returns it as PENDING once it is stored for good.
    ///
    /// # Errors
    /// [`DetectionError`] says what is wrong with the image, the arguments or the key. Nothing is kept then.
    pub async fn submit(
        &self,
        caller: &Caller,
        image: Bytes,
        wanted: Wanted,
        key: Option<&str>,
    ) -> Result<Model, DetectionError> {
        wanted.check()?;
        let upload = Upload::measure(image, self.limits).await?;
        let Wanted { min_confidence, max_faces } = wanted;
        let key = key.map(|key| IdempotencyKey {
            tenant: &caller.tenant,
            operation: "submitDetection",
            parent: Uuid::nil(),
            key,
            input_digest: idempotency::digest(
                format!("{} {min_confidence:?} {max_faces}", upload.sha256).as_bytes(),
            ),
        });
        // A first look keeps repeated uploads off the disk; the write below decides.
        let reader = self.submissions.database.reader();
        if let Some(earlier) = self.earlier(reader, caller, key.as_ref()).await? {
            return Ok(earlier);
        }
        let row = pending(caller, &upload, wanted, self.submissions.clock.now());
        let name = original(&caller.tenant, row.id);
        self.submissions.blobs.put(&name, upload.bytes).await?;
        let id = row.id;
        match self.insert(caller, row, key.as_ref()).await {
            Ok((write, kept)) if kept.id == id => {
                // When this fails the row may still be there: the sweeper sees which bytes have no owner.
                write.commit().await?;
                Ok(kept)
            }
            other => {
                let outcome = other.map(|(_, earlier)| earlier);
                self.submissions.remove_files(&caller.tenant, id.0, &[ORIGINALS]).await;
                outcome
            }
        }
    }

    /// All but the commit. The detection is stored then; one with another id was stored before.
    async fn insert(
        &self,
        caller: &Caller,
        row: Model,
        key: Option<&IdempotencyKey<'_>>,
    ) -> Result<(Write, Model), DetectionError> {
        let mut write = self.submissions.database.write().await?;
        if let Some(earlier) = self.earlier(&*write, caller, key).await? {
            return Ok((write, earlier));
        }
        Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(&*write).await?;
        self.submissions.queue.enqueue(&mut write, &row.tenant, FindFaces::KIND, row.id.0).await?;
        if let Some(key) = key {
            key.remember(&write, row.id.0, row.created_at).await?;
        }
        caller.trail.record(&mut write, [row.id.into()]).await?;
        Ok((write, row))
    }

    /// The detection that the key led to before.
    async fn earlier(
        &self,
        database: &impl ConnectionTrait,
        caller: &Caller,
        key: Option<&IdempotencyKey<'_>>,
    ) -> Result<Option<Model>, DetectionError> {
        let Some(key) = key else { return Ok(None) };
        let Some(earlier) = key.earlier(database).await? else { return Ok(None) };
        caller.trail.about([DetectionId(earlier).into()]);
        let found = Entity::find_by_id(DetectionId(earlier)).one(database).await?;
        found.ok_or(DetectionError::NotFound).map(Some)
    }
}

/// A new row.
fn pending(caller: &Caller, upload: &Upload, wanted: Wanted, now: DateTime<Utc>) -> Model {
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
