//! Containers: created, looked up, listed newest first, deleted with all they hold.

use entity::container::{ActiveModel, Column, Entity, Model};
use entity::ids::ContainerId;
use entity::image;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use super::{ContainerEvent, EncodeImage, Verification, VerificationError};
use crate::caller::Caller;
use crate::idempotency::{self, IdempotencyKey};
use crate::jobs::Handler;
use crate::metadata;
use crate::page::{Page, PageRequest};

impl Verification {
    /// Creates a container. With a key, a repeat returns the first one.
    ///
    /// # Errors
    /// [`VerificationError::Idempotency`] when the key came with other metadata before.
    pub async fn create_container(
        &self,
        caller: &Caller,
        metadata: Option<serde_json::Value>,
        key: Option<&str>,
    ) -> Result<Model, VerificationError> {
        let text = metadata::compact(metadata.as_ref())
            .map_err(|error| VerificationError::BadInput(error.to_string()))?;
        let key = key.map(|key| IdempotencyKey {
            tenant: &caller.tenant,
            operation: "createContainer",
            parent: Uuid::nil(),
            key,
            input_digest: idempotency::digest(text.as_bytes()),
        });
        let mut write = self.database.write().await?;
        if let Some(key) = &key
            && let Some(earlier) = key.earlier(&*write).await?
        {
            caller.trail.about([ContainerId(earlier).into()]);
            let found = Entity::find_by_id(ContainerId(earlier)).one(&*write).await?;
            return found.ok_or(VerificationError::ContainerNotFound);
        }
        let now = self.clock.now();
        let container = ActiveModel {
            id: Set(ContainerId(Uuid::now_v7())),
            tenant: Set(caller.tenant.clone()),
            metadata: Set(metadata),
            image_limit: Set(self.config.images_per_container),
            created_at: Set(now),
        };
        let container = Entity::insert(container).exec_with_returning(&*write).await?;
        if let Some(key) = &key {
            key.remember(&write, container.id.0, now).await?;
        }
        caller.trail.record(&mut write, [container.id.into()]).await?;
        write.commit().await?;
        Ok(container)
    }

    /// The caller's containers among `ids`, in no order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn containers(
        &self,
        caller: &Caller,
        ids: &[ContainerId],
    ) -> Result<Vec<Model>, VerificationError> {
        let wanted = Column::Id.is_in(ids.iter().copied());
        Ok(owned(caller).filter(wanted).all(self.database.reader()).await?)
    }

    /// One container.
    ///
    /// # Errors
    /// [`VerificationError::ContainerNotFound`] when the caller has none by that id.
    pub async fn container(&self, caller: &Caller, id: ContainerId) -> Result<Model, VerificationError> {
        let found = with_id(caller, id).one(self.database.reader()).await?;
        found.ok_or(VerificationError::ContainerNotFound)
    }

    /// A part of the caller's containers, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_containers(
        &self,
        caller: &Caller,
        page: PageRequest,
    ) -> Result<Page<Model>, VerificationError> {
        Ok(page.read(owned(caller), Column::Id, self.database.reader()).await?)
    }

    /// How many containers the caller has.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_containers(&self, caller: &Caller) -> Result<u64, VerificationError> {
        Ok(owned(caller).count(self.database.reader()).await?)
    }

    /// Deletes a container with its images, encodings, bytes and jobs, and ends its subscriptions.
    ///
    /// # Errors
    /// [`VerificationError::ContainerNotFound`] when the caller has none by that id.
    pub async fn delete_container(&self, caller: &Caller, id: ContainerId) -> Result<(), VerificationError> {
        let mut write = self.database.write().await?;
        let images = image::Entity::find()
            .filter(image::Column::ContainerId.eq(id))
            .filter(image::Column::Tenant.eq(caller.tenant.clone()))
            .all(&*write)
            .await?;
        // Images and encodings go with the container's row.
        let gone = Entity::delete_many()
            .filter(Column::Tenant.eq(caller.tenant.clone()))
            .filter(Column::Id.eq(id))
            .exec(&*write)
            .await?;
        if gone.rows_affected == 0 {
            return Err(VerificationError::ContainerNotFound);
        }
        let subjects: Vec<Uuid> = images.iter().map(|image| image.id.0).collect();
        self.queue.cancel(&mut write, EncodeImage::KIND, &subjects).await?;
        idempotency::forget_nodes(&write, &[id.0]).await?;
        self.publish(&mut write, Self::topic(caller, id), ContainerEvent::Deleted);
        self.database.erase_after(&mut write);
        let gone = images.iter().map(|image| image.id.into()).chain([id.into()]);
        caller.trail.record(&mut write, gone).await?;
        write.commit().await?;
        for image in images.iter().filter(|image| image.bytes_kept) {
            self.remove_bytes(&image.tenant, image.id).await;
        }
        Ok(())
    }
}

/// The caller's container by that id.
pub(super) fn with_id(caller: &Caller, id: ContainerId) -> sea_orm::Select<Entity> {
    owned(caller).filter(Column::Id.eq(id))
}

fn owned(caller: &Caller) -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(caller.tenant.clone()))
}
