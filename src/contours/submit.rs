//! A request for a contour: found among those that were drawn before, or stored, its job enqueued.

use bytes::Bytes;
use entity::contour::{Column, Entity, Model};
use entity::ids::ContourId;
use entity::job_status::JobStatus;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel,
    QueryFilter,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;
use vision::contour::{ALGORITHM_VERSION, Position, Style};

use super::{ContourError, Contours, DrawContour, IMAGES, MAPS, blob};
use crate::caller::Caller;
use crate::database::Write;
use crate::idempotency::{self, IdempotencyKey};
use crate::jobs::Handler;
use crate::upload::Upload;

/// What is to be drawn.
pub struct ContourRequest {
    /// The picture of a face.
    pub image: Bytes,
    /// Of the same size: each value but 0 is a region.
    pub segmentation_map: Bytes,
    /// Places in the image, the eyes first.
    pub landmarks: Vec<Position>,
    /// How it is to look.
    pub style: ContourStyle,
}

/// How a contour is to look.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ContourStyle {
    /// The outlines and what is in them.
    #[serde(flatten)]
    pub style: Style,
    /// Whether the picture lies under them.
    pub embeds_image: bool,
}

/// All that says how a contour is drawn. Stored with it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct StoredStyle {
    #[serde(flatten)]
    pub(super) style: ContourStyle,
    /// Parts of a region with fewer pixels are not drawn.
    pub(super) least_area: u32,
}

/// A contour that was asked for.
pub struct Submitted {
    /// The contour.
    pub row: Model,
    /// Whether it had been drawn before.
    pub cached: bool,
}

impl From<Model> for Submitted {
    fn from(row: Model) -> Self {
        Self { cached: row.status == JobStatus::Completed, row }
    }
}

impl Contours {
    /// Finds the contour of the same request, or stores a new one and asks for its drawing.
    ///
    /// # Errors
    /// [`ContourError`] says what cannot be drawn, as far as can be told without decoding. Nothing is kept then.
    pub async fn submit(
        &self,
        caller: &Caller,
        request: ContourRequest,
        key: Option<&str>,
    ) -> Result<Submitted, ContourError> {
        let ContourRequest { image, segmentation_map, landmarks, style } = request;
        let image = Upload::measure(image, self.limits).await?;
        let map = Upload::measure_map(segmentation_map, self.limits).await;
        let map = map.map_err(vision::contour::ContourError::UnreadableMap)?;
        self.drawing_of(&image, &landmarks, style.style).check(map.header.width, map.header.height)?;
        let input = json!([image.sha256, map.sha256, landmarks, style]);
        let key = key.map(|key| IdempotencyKey {
            tenant: &caller.tenant,
            operation: "submitContour",
            parent: Uuid::nil(),
            key,
            input_digest: idempotency::digest(input.to_string().as_bytes()),
        });
        let row = self.pending(caller, &input, &landmarks, style)?;
        if let Some(earlier) = self.known(caller, &row, key.as_ref()).await? {
            caller.trail.about([earlier.id.into()]);
            return Ok(earlier.into());
        }
        let id = row.id;
        match self.keep(caller, row, [image.bytes, map.bytes], key.as_ref()).await {
            Ok((write, kept)) => {
                // When this fails the row may still be there: the sweeper sees which bytes have no owner.
                write.commit().await?;
                if kept.id != id {
                    self.submissions.remove_files(&caller.tenant, id.0, &[IMAGES, MAPS]).await;
                }
                Ok(kept.into())
            }
            Err(error) => {
                self.submissions.remove_files(&caller.tenant, id.0, &[IMAGES, MAPS]).await;
                Err(error)
            }
        }
    }

    /// A first look, which spares the disk: the contour that the key led to before, or that is of the same request, to
    /// which the key leads from now on.
    async fn known(
        &self,
        caller: &Caller,
        row: &Model,
        key: Option<&IdempotencyKey<'_>>,
    ) -> Result<Option<Model>, ContourError> {
        let Some(earlier) = self.earlier(self.submissions.database.reader(), row, key).await? else {
            return Ok(None);
        };
        let Some(key) = key else { return Ok(Some(earlier)) };
        if key.earlier(self.submissions.database.reader()).await?.is_some() {
            return Ok(Some(earlier));
        }
        let mut write = self.submissions.database.write().await?;
        let Some(earlier) = self.earlier(&*write, row, Some(key)).await? else { return Ok(None) };
        self.remember(&write, key, &earlier).await?;
        caller.trail.record(&mut write, [earlier.id.into()]).await?;
        write.commit().await?;
        Ok(Some(earlier))
    }

    async fn remember(
        &self,
        write: &Write,
        key: &IdempotencyKey<'_>,
        row: &Model,
    ) -> Result<(), ContourError> {
        if key.earlier(&**write).await?.is_none() {
            key.remember(write, row.id.0, self.submissions.clock.now()).await?;
        }
        Ok(())
    }

    /// What [`vision::contour`] is asked for.
    pub(super) fn drawing_of<'a>(
        &self,
        image: &Upload,
        landmarks: &'a [Position],
        style: Style,
    ) -> vision::contour::ContourRequest<'a> {
        vision::contour::ContourRequest {
            width: image.header.width,
            height: image.header.height,
            landmarks,
            style,
            least_area: self.least_area,
        }
    }

    /// All but the commit. The contour is stored then; one with another id was stored before.
    async fn keep(
        &self,
        caller: &Caller,
        row: Model,
        [image, map]: [Bytes; 2],
        key: Option<&IdempotencyKey<'_>>,
    ) -> Result<(Write, Model), ContourError> {
        self.submissions.blobs.put(&blob(&row.tenant, row.id, IMAGES), image).await?;
        self.submissions.blobs.put(&blob(&row.tenant, row.id, MAPS), map).await?;
        let mut write = self.submissions.database.write().await?;
        let kept = if let Some(earlier) = self.earlier(&*write, &row, key).await? {
            earlier
        } else {
            let new = row.clone().into_active_model().reset_all();
            Entity::insert(new).exec_without_returning(&*write).await?;
            self.submissions.queue.enqueue(&mut write, &row.tenant, DrawContour::KIND, row.id.0).await?;
            row
        };
        if let Some(key) = key {
            self.remember(&write, key, &kept).await?;
        }
        caller.trail.record(&mut write, [kept.id.into()]).await?;
        Ok((write, kept))
    }

    /// The contour that the key led to before, or that is of the same request.
    async fn earlier(
        &self,
        database: &impl ConnectionTrait,
        row: &Model,
        key: Option<&IdempotencyKey<'_>>,
    ) -> Result<Option<Model>, ContourError> {
        if let Some(key) = key
            && let Some(earlier) = key.earlier(database).await?
        {
            let found = Entity::find_by_id(ContourId(earlier)).one(database).await?;
            return found.ok_or(ContourError::NotFound).map(Some);
        }
        let same = Column::Tenant.eq(row.tenant.clone()).and(Column::CacheKey.eq(row.cache_key.clone()));
        Ok(Entity::find().filter(same).one(database).await?)
    }

    /// A new row. What is drawn depends on `input`, and on how it is drawn by this server.
    fn pending(
        &self,
        caller: &Caller,
        input: &Value,
        landmarks: &[Position],
        style: ContourStyle,
    ) -> Result<Model, ContourError> {
        let json = |error: serde_json::Error| DbErr::Json(error.to_string());
        let how = StoredStyle { style, least_area: self.least_area };
        let drawn_from = json!([ALGORITHM_VERSION, how, input]);
        Ok(Model {
            id: ContourId(Uuid::now_v7()),
            tenant: caller.tenant.clone(),
            status: JobStatus::Pending,
            revision: 1,
            cache_key: Some(idempotency::digest(drawn_from.to_string().as_bytes())),
            landmarks: serde_json::to_value(landmarks).map_err(json)?,
            style: serde_json::to_value(how).map_err(json)?,
            levelling: None,
            error_code: None,
            error_message: None,
            created_at: self.submissions.clock.now(),
            completed_at: None,
        })
    }
}
