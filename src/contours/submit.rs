//! Submitting contours: returns an existing drawing of the same request, or stores a new contour and enqueues its job.

use bytes::Bytes;
use entity::contour::{Column, Entity, Model};
use entity::ids::ContourId;
use entity::job_status::JobStatus;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel,
    QueryFilter,
};
use serde_json::{Value, json};
use uuid::Uuid;
use vision::contour::{ALGORITHM_VERSION, Position, Style};

use super::style::{ContourStyle, StoredStyle};
use super::{ContourError, Contours, DrawContour, IMAGES, MAPS, blob};
use crate::access::caller::Caller;
use crate::images::intake::{Found, Intake, take_in};
use crate::images::upload::Upload;
use crate::jobs::Handler;
use crate::store::database::Write;
use crate::store::idempotency;
use crate::store::idempotency::IdempotencyKey;

/// A request to draw a contour.
pub struct ContourRequest {
    /// Image of a face.
    pub image: Bytes,
    /// Segmentation map of the same size; each value other than 0 is a region.
    pub segmentation_map: Bytes,
    /// Landmark positions in the image, the eyes first.
    pub landmarks: Vec<Position>,
    /// Appearance of the drawing.
    pub style: ContourStyle,
}

/// The result of a request.
pub struct Submitted {
    /// Database row of the contour.
    pub row: Model,
    /// Whether the drawing already existed.
    pub cached: bool,
}

impl From<Model> for Submitted {
    fn from(row: Model) -> Self {
        Self { cached: row.status == JobStatus::Completed, row }
    }
}

impl Contours {
    /// Returns the contour of the same request, or stores a new one and enqueues its drawing.
    ///
    /// # Errors
    /// [`ContourError`] when the request cannot be drawn, as far as can be checked without decoding. Nothing is stored
    /// then.
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
        let files = [(IMAGES, image.bytes), (MAPS, map.bytes)];
        let mut submission = Submission { contours: self, caller, row, files, key };
        take_in(&self.tasks.database, &mut submission).await.map(Submitted::from)
    }

    /// Input for [`vision::contour`].
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
            created_at: self.tasks.clock.now(),
            completed_at: None,
        })
    }
}

/// A contour that is being submitted.
struct Submission<'a> {
    contours: &'a Contours,
    caller: &'a Caller,
    row: Model,
    files: [(&'static str, Bytes); 2],
    key: Option<IdempotencyKey<'a>>,
}

impl Intake for Submission<'_> {
    type Kept = Model;

    type Error = ContourError;

    async fn find<C: ConnectionTrait>(&self, database: &C) -> Result<Option<Found<Model>>, ContourError> {
        if let Some(key) = &self.key
            && let Some(earlier) = key.earlier(database).await?
        {
            self.caller.trail.about([ContourId(earlier).into()]);
            let found = Entity::find_by_id(ContourId(earlier)).one(database).await?;
            return found.ok_or(ContourError::NotFound).map(Found::Repeat).map(Some);
        }
        let Model { tenant, cache_key, .. } = &self.row;
        let same = Column::Tenant.eq(tenant.clone()).and(Column::CacheKey.eq(cache_key.clone()));
        let Some(same) = Entity::find().filter(same).one(database).await? else { return Ok(None) };
        if self.key.is_some() {
            return Ok(Some(Found::Same(same)));
        }
        // Without a key there is nothing to remember.
        self.caller.trail.about([same.id.into()]);
        Ok(Some(Found::Repeat(same)))
    }

    async fn store(&mut self) -> Result<(), ContourError> {
        for (kind, bytes) in &self.files {
            let name = blob(&self.row.tenant, self.row.id, kind);
            self.contours.tasks.blobs.put(&name, bytes.clone()).await?;
        }
        Ok(())
    }

    async fn insert(&mut self, write: &mut Write) -> Result<Model, ContourError> {
        let row = self.row.clone();
        Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(&**write).await?;
        self.contours.tasks.queue.enqueue(write, &row.tenant, DrawContour::KIND, row.id.0).await?;
        self.adopt(write, &row).await?;
        Ok(row)
    }

    async fn adopt(&mut self, write: &mut Write, same: &Model) -> Result<(), ContourError> {
        if let Some(key) = &self.key {
            key.remember(write, same.id.0, self.contours.tasks.clock.now()).await?;
        }
        Ok(self.caller.trail.record(write, [same.id.into()]).await?)
    }

    async fn discard(&mut self) {
        self.contours.tasks.remove_files(&self.row.tenant, self.row.id.0, &[IMAGES, MAPS]).await;
    }
}
