//! Uploading, looking up and retrying images of a container. `encoding.rs` encodes them.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entity::ids::{ContainerId, ImageId, Tenant};
use entity::image::{ActiveModel, Column, Entity, Model, Status};
use entity::{container, encoding};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    QueryTrait, UpdateMany,
};
use uuid::Uuid;

use super::rows::{ENCODE_IMAGE, blob_name, images_in, images_of};
use super::{ContainerError, ContainerEvent, Containers, ImageState};
use crate::access::caller::Caller;
use crate::events::Topic;
use crate::images::intake::{Found, Intake, take_in};
use crate::images::upload::Upload;
use crate::store::database::Write;
use crate::store::idempotency::IdempotencyKey;

impl Containers {
    /// Stores an image and enqueues its encoding. Returns the image as PROCESSING once it is durably stored.
    ///
    /// # Errors
    /// [`ContainerError`] when the container, the image or the key is invalid. Nothing is stored then.
    pub async fn upload(
        &self,
        caller: &Caller,
        container: ContainerId,
        bytes: Bytes,
        key: Option<&str>,
    ) -> Result<Model, ContainerError> {
        let upload = Upload::measure(bytes, self.limits).await?;
        let key = key.map(|key| IdempotencyKey {
            tenant: &caller.tenant,
            operation: "uploadImage",
            parent: container.0,
            key,
            input_digest: upload.sha256.clone(),
        });
        let id = ImageId(Uuid::now_v7());
        let mut upload = ImageUpload { containers: self, caller, container, id, upload, key };
        take_in(&self.database, &mut upload).await
    }

    /// Enqueues a FAILED image again.
    ///
    /// # Errors
    /// [`ContainerError::NotRetryable`] when the image has not failed, or its bytes are no longer stored.
    pub async fn retry_image(&self, caller: &Caller, id: ImageId) -> Result<Model, ContainerError> {
        let mut write = self.database.write().await?;
        let found = images_of(caller).filter(Column::Id.eq(id)).one(&*write).await?;
        let image = found.ok_or(ContainerError::ImageNotFound)?;
        if image.status != Status::Failed {
            return Err(ContainerError::NotRetryable("only a FAILED image can be retried"));
        }
        if !image.bytes_kept || self.retention_is_over(image.completed_at) {
            return Err(ContainerError::NotRetryable(
                "the image's bytes are no longer stored; upload it again to another container",
            ));
        }
        let again = Entity::update_many()
            .col_expr(Column::Status, Expr::value(Status::Processing))
            .col_expr(Column::ErrorCode, Expr::value(None::<String>))
            .col_expr(Column::ErrorMessage, Expr::value(None::<String>))
            .col_expr(Column::CompletedAt, Expr::value(None::<DateTime<Utc>>));
        let image = self.change(&mut write, (&caller.tenant, id), again, Vec::new()).await?;
        let image = image.ok_or(ContainerError::ImageNotFound)?;
        self.queue.enqueue(&mut write, &caller.tenant, ENCODE_IMAGE, id.0).await?;
        caller.trail.record(&mut write, [id.into(), image.container_id.into()]).await?;
        write.commit().await?;
        Ok(image)
    }

    /// Returns those of `ids` that are the caller's images, in no particular order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn images(&self, caller: &Caller, ids: &[ImageId]) -> Result<Vec<Model>, ContainerError> {
        let wanted = Column::Id.is_in(ids.iter().copied());
        Ok(images_of(caller).filter(wanted).all(self.database.reader()).await?)
    }

    /// The images of those of the given containers that belong to the caller, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn images_of(
        &self,
        caller: &Caller,
        containers: &[ContainerId],
    ) -> Result<Vec<Model>, ContainerError> {
        Ok(images_in(caller, containers).all(self.database.reader()).await?)
    }

    /// Applies `update` to an image, increments its revision, and notifies subscribers after `write` is committed.
    /// `encodings` are the image's encodings after the update. `None` if the image no longer exists.
    pub(super) async fn change(
        &self,
        write: &mut Write,
        (tenant, id): (&Tenant, ImageId),
        update: UpdateMany<Entity>,
        encodings: Vec<Arc<encoding::Model>>,
    ) -> Result<Option<Model>, DbErr> {
        let changed = raising_revision(update)
            .filter(Column::Id.eq(id))
            .filter(Column::Tenant.eq(tenant.clone()))
            .exec_with_returning(&**write)
            .await?;
        let image = changed.into_iter().next();
        if let Some(image) = image.clone() {
            self.announce(write, ImageState { image, encodings });
        }
        Ok(image)
    }

    /// Applies `update` to all rows that it matches, like [`Containers::change`].
    pub(super) async fn change_all(
        &self,
        write: &mut Write,
        update: UpdateMany<Entity>,
        mut encodings: impl FnMut(ImageId) -> Vec<Arc<encoding::Model>>,
    ) -> Result<(), DbErr> {
        for image in raising_revision(update).exec_with_returning(&**write).await? {
            let encodings = encodings(image.id);
            self.announce(write, ImageState { image, encodings });
        }
        Ok(())
    }

    pub(super) async fn remove_bytes(&self, tenant: &Tenant, id: ImageId) {
        if let Err(error) = self.blobs.delete(&blob_name(tenant, id)).await {
            tracing::warn!(%error, image.id = %id, "could not remove an image's bytes; the next cleanup removes them");
        }
    }

    fn announce(&self, write: &mut Write, state: ImageState) {
        let topic = Topic { tenant: state.image.tenant.clone(), node: state.image.container_id.0 };
        let event = ContainerEvent::Image(Arc::new(state));
        self.publish(write, topic, event);
    }

    /// Checks that the container has room for one more image. `Some` is the image that the key was used for before.
    async fn admit(
        &self,
        database: &impl ConnectionTrait,
        caller: &Caller,
        id: ContainerId,
        key: Option<&IdempotencyKey<'_>>,
    ) -> Result<Option<Model>, ContainerError> {
        let count = Entity::find().select_only().expr(Column::Id.count()).filter(Column::ContainerId.eq(id));
        let (limit, count): (i32, i64) = container::Entity::find_by_id(id)
            .filter(container::Column::Tenant.eq(caller.tenant.clone()))
            .select_only()
            .column(container::Column::ImageLimit)
            .expr_as(Expr::SubQuery(None, Box::new(count.into_query().into())), "image_count")
            .into_tuple()
            .one(database)
            .await?
            .ok_or(ContainerError::ContainerNotFound)?;
        if let Some(key) = key
            && let Some(earlier) = key.earlier(database).await?
        {
            caller.trail.about([ImageId(earlier).into()]);
            let found = Entity::find_by_id(ImageId(earlier)).one(database).await?;
            return found.ok_or(ContainerError::ImageNotFound).map(Some);
        }
        if count >= i64::from(limit) {
            return Err(ContainerError::ImageLimitReached { limit });
        }
        Ok(None)
    }

    fn retention_is_over(&self, completed_at: Option<DateTime<Utc>>) -> bool {
        completed_at.is_some_and(|time| time + self.config.failed_image_retention <= self.clock.now())
    }
}

/// An image that is being uploaded.
struct ImageUpload<'a> {
    containers: &'a Containers,
    caller: &'a Caller,
    container: ContainerId,
    id: ImageId,
    upload: Upload,
    key: Option<IdempotencyKey<'a>>,
}

impl Intake for ImageUpload<'_> {
    type Kept = Model;

    type Error = ContainerError;

    async fn find<C: ConnectionTrait>(&self, database: &C) -> Result<Option<Found<Model>>, ContainerError> {
        let earlier = self.containers.admit(database, self.caller, self.container, self.key.as_ref()).await?;
        Ok(earlier.map(Found::Repeat))
    }

    async fn store(&mut self) -> Result<(), ContainerError> {
        let name = blob_name(&self.caller.tenant, self.id);
        Ok(self.containers.blobs.put(&name, self.upload.bytes.clone()).await?)
    }

    /// Counted, inserted and enqueued in one write, so that of ten uploads in a row only so many as fit get through.
    async fn insert(&mut self, write: &mut Write) -> Result<Model, ContainerError> {
        let Self { containers, caller, container, id, upload, key } = self;
        let now = containers.clock.now();
        let row = processing(upload, caller, *container, *id, now);
        let image = Entity::insert(row).exec_with_returning(&**write).await?;
        containers.queue.enqueue(write, &caller.tenant, ENCODE_IMAGE, id.0).await?;
        if let Some(key) = key {
            key.remember(write, id.0, now).await?;
        }
        containers.announce(write, ImageState { image: image.clone(), encodings: Vec::new() });
        caller.trail.record(write, [(*container).into(), (*id).into()]).await?;
        Ok(image)
    }

    async fn discard(&mut self) {
        self.containers.remove_bytes(&self.caller.tenant, self.id).await;
    }
}

/// A new row.
fn processing(
    upload: &Upload,
    caller: &Caller,
    container: ContainerId,
    id: ImageId,
    now: DateTime<Utc>,
) -> ActiveModel {
    ActiveModel {
        id: Set(id),
        tenant: Set(caller.tenant.clone()),
        container_id: Set(container),
        status: Set(Status::Processing),
        revision: Set(1),
        attempts: Set(0),
        content_type: Set(upload.header.format.content_type().to_owned()),
        byte_size: Set(i64::try_from(upload.bytes.len()).unwrap_or(i64::MAX)),
        sha256: Set(upload.sha256.clone()),
        width: Set(upload.width()),
        height: Set(upload.height()),
        bytes_kept: Set(true),
        error_code: Set(None),
        error_message: Set(None),
        created_at: Set(now),
        completed_at: Set(None),
    }
}

fn raising_revision(update: UpdateMany<Entity>) -> UpdateMany<Entity> {
    update.col_expr(Column::Revision, Expr::col(Column::Revision).add(1))
}
