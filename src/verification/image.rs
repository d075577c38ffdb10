//! Images of a container: uploaded, looked up, tried again. Their encoding is `encoding.rs`.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entity::ids::{ContainerId, ImageId, Tenant};
use entity::image::{ActiveModel, Column, Entity, Model, Status};
use entity::{container, encoding};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, UpdateMany,
};
use uuid::Uuid;

use super::{ContainerEvent, EncodeImage, Verification, VerificationError};
use crate::blobs::BlobName;
use crate::caller::Caller;
use crate::database::Write;
use crate::events::Topic;
use crate::idempotency::IdempotencyKey;
use crate::jobs::Handler;
use crate::upload::Upload;

/// An image with its encodings, as subscribers see it.
#[derive(Clone, Debug)]
pub struct ImageState {
    /// The image's row.
    pub image: Model,
    /// One for each face, largest first; empty until the image is COMPLETED.
    pub encodings: Vec<Arc<encoding::Model>>,
}

impl Verification {
    /// Stores an image and asks for its encoding; returns it as PROCESSING once it is stored for good.
    ///
    /// # Errors
    /// [`VerificationError`] says what is wrong with the container, the image or the key. Nothing is kept then.
    pub async fn upload(
        &self,
        caller: &Caller,
        container: ContainerId,
        bytes: Bytes,
        key: Option<&str>,
    ) -> Result<Model, VerificationError> {
        let upload = Upload::measure(bytes, self.limits).await?;
        let key = key.map(|key| IdempotencyKey {
            tenant: &caller.tenant,
            operation: "uploadImage",
            parent: container.0,
            key,
            input_digest: upload.sha256.clone(),
        });
        // A first look keeps refused uploads off the disk; the write below decides.
        if let Some(earlier) = self.admit(self.database.reader(), caller, container, key.as_ref()).await? {
            return Ok(earlier);
        }
        let id = ImageId(Uuid::now_v7());
        self.blobs.put(&blob_name(&caller.tenant, id), upload.bytes.clone()).await?;
        match self.insert(caller, container, id, &upload, key.as_ref()).await {
            Ok((write, image)) if image.id == id => {
                // When this fails the row may still be there: the sweeper sees which bytes have no owner.
                write.commit().await?;
                Ok(image)
            }
            other => {
                let outcome = other.map(|(_, earlier)| earlier);
                self.remove_bytes(&caller.tenant, id).await;
                outcome
            }
        }
    }

    /// Puts a FAILED image back to work.
    ///
    /// # Errors
    /// [`VerificationError::NotRetryable`] when it has not failed, or its bytes are gone.
    pub async fn retry_image(&self, caller: &Caller, id: ImageId) -> Result<Model, VerificationError> {
        let mut write = self.database.write().await?;
        let found = owned(caller).filter(Column::Id.eq(id)).one(&*write).await?;
        let image = found.ok_or(VerificationError::ImageNotFound)?;
        if image.status != Status::Failed {
            return Err(VerificationError::NotRetryable("only a FAILED image can be tried again"));
        }
        if !image.bytes_kept || self.retention_is_over(image.completed_at) {
            return Err(VerificationError::NotRetryable(
                "the image's bytes are no longer kept; upload it again to another container",
            ));
        }
        let again = Entity::update_many()
            .col_expr(Column::Status, Expr::value(Status::Processing))
            .col_expr(Column::ErrorCode, Expr::value(None::<String>))
            .col_expr(Column::ErrorMessage, Expr::value(None::<String>))
            .col_expr(Column::CompletedAt, Expr::value(None::<DateTime<Utc>>));
        let image = self.change(&mut write, (&caller.tenant, id), again, Vec::new()).await?;
        let image = image.ok_or(VerificationError::ImageNotFound)?;
        self.queue.enqueue(&mut write, &caller.tenant, EncodeImage::KIND, id.0).await?;
        caller.trail.record(&mut write, [id.into(), image.container_id.into()]).await?;
        write.commit().await?;
        Ok(image)
    }

    /// The caller's images among `ids`, in no order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn images(&self, caller: &Caller, ids: &[ImageId]) -> Result<Vec<Model>, VerificationError> {
        let wanted = Column::Id.is_in(ids.iter().copied());
        Ok(owned(caller).filter(wanted).all(self.database.reader()).await?)
    }

    /// The images of the caller's containers, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn images_of(
        &self,
        caller: &Caller,
        containers: &[ContainerId],
    ) -> Result<Vec<Model>, VerificationError> {
        Ok(of_containers(caller, containers).all(self.database.reader()).await?)
    }

    /// Applies `update` to an image, raises its revision, and tells its subscribers once `write` is committed.
    /// `encodings` are those that it has then. `None` when the image is gone.
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

    /// Applies `update` to all images that it picks, as [`Verification::change`] does.
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
            tracing::warn!(%error, image.id = %id, "could not remove an image's bytes; the sweeper will");
        }
    }

    fn announce(&self, write: &mut Write, state: ImageState) {
        let topic = Topic { tenant: state.image.tenant.clone(), node: state.image.container_id.0 };
        let event = ContainerEvent::Image(Arc::new(state));
        self.publish(write, topic, event);
    }

    /// Whether the container takes one more image. `Some` is the image that the key led to before.
    async fn admit(
        &self,
        database: &impl ConnectionTrait,
        caller: &Caller,
        id: ContainerId,
        key: Option<&IdempotencyKey<'_>>,
    ) -> Result<Option<Model>, VerificationError> {
        let count = Entity::find().select_only().expr(Column::Id.count()).filter(Column::ContainerId.eq(id));
        let (limit, count): (i32, i64) = container::Entity::find_by_id(id)
            .filter(container::Column::Tenant.eq(caller.tenant.clone()))
            .select_only()
            .column(container::Column::ImageLimit)
            .expr_as(Expr::SubQuery(None, Box::new(count.into_query().into())), "image_count")
            .into_tuple()
            .one(database)
            .await?
            .ok_or(VerificationError::ContainerNotFound)?;
        if let Some(key) = key
            && let Some(earlier) = key.earlier(database).await?
        {
            caller.trail.about([ImageId(earlier).into()]);
            let found = Entity::find_by_id(ImageId(earlier)).one(database).await?;
            return found.ok_or(VerificationError::ImageNotFound).map(Some);
        }
        if count >= i64::from(limit) {
            return Err(VerificationError::ImageLimitReached { limit });
        }
        Ok(None)
    }

    /// Counts, inserts and enqueues at once, so that of ten uploads in a row only so many as fit get through. The
    /// image is stored once the write is committed; one with another id was stored before.
    async fn insert(
        &self,
        caller: &Caller,
        container: ContainerId,
        id: ImageId,
        upload: &Upload,
        key: Option<&IdempotencyKey<'_>>,
    ) -> Result<(Write, Model), VerificationError> {
        let mut write = self.database.write().await?;
        if let Some(earlier) = self.admit(&*write, caller, container, key).await? {
            return Ok((write, earlier));
        }
        let now = self.clock.now();
        let row = processing(upload, caller, container, id, now);
        let image = Entity::insert(row).exec_with_returning(&*write).await?;
        self.queue.enqueue(&mut write, &caller.tenant, EncodeImage::KIND, id.0).await?;
        if let Some(key) = key {
            key.remember(&write, id.0, now).await?;
        }
        self.announce(&mut write, ImageState { image: image.clone(), encodings: Vec::new() });
        caller.trail.record(&mut write, [container.into(), id.into()]).await?;
        Ok((write, image))
    }

    fn retention_is_over(&self, completed_at: Option<DateTime<Utc>>) -> bool {
        completed_at.is_some_and(|time| time + self.config.failed_image_retention <= self.clock.now())
    }
}

/// The blob of an image.
pub(super) fn blob_name(tenant: &Tenant, id: ImageId) -> BlobName {
    BlobName { tenant: tenant.clone(), kind: IMAGE_BLOBS, owner: id.0 }
}

/// The kind of blob that images own.
pub(super) const IMAGE_BLOBS: &str = "images";

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

/// The images of the caller's containers, oldest first.
pub(super) fn of_containers(caller: &Caller, containers: &[ContainerId]) -> sea_orm::Select<Entity> {
    let wanted = Column::ContainerId.is_in(containers.iter().copied());
    owned(caller).filter(wanted).order_by_asc(Column::Id)
}

fn owned(caller: &Caller) -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(caller.tenant.clone()))
}

fn raising_revision(update: UpdateMany<Entity>) -> UpdateMany<Entity> {
    update.col_expr(Column::Revision, Expr::col(Column::Revision).add(1))
}
