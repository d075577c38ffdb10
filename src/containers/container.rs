//! Creating, looking up, listing and deleting containers.

use entity::container::{ActiveModel, Column, Entity, Model};
use entity::ids::ContainerId;
use entity::image;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use super::rows::{ENCODE_IMAGE, container_of, containers_of};
use super::{ContainerError, ContainerEvent, Containers};
use crate::access::caller::Caller;
use crate::store::idempotency;
use crate::store::idempotency::IdempotencyKey;
use crate::store::metadata;
use crate::store::page::{Page, PageRequest};

impl Containers {
    /// Creates a container. A repeated request with the same key returns the first container.
    ///
    /// # Errors
    /// [`ContainerError::Store`] when the key was used with other metadata before.
    pub async fn create_container(
        &self,
        caller: &Caller,
        metadata: Option<serde_json::Value>,
        key: Option<&str>,
    ) -> Result<Model, ContainerError> {
        let text = metadata::compact(metadata.as_ref())
            .map_err(|error| ContainerError::BadInput(error.to_string()))?;
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
            return found.ok_or(ContainerError::ContainerNotFound);
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

    /// Returns those of `ids` that are the caller's containers, in no particular order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn containers(
        &self,
        caller: &Caller,
        ids: &[ContainerId],
    ) -> Result<Vec<Model>, ContainerError> {
        let wanted = Column::Id.is_in(ids.iter().copied());
        Ok(containers_of(caller).filter(wanted).all(self.database.reader()).await?)
    }

    /// Returns one of the caller's containers.
    ///
    /// # Errors
    /// [`ContainerError::ContainerNotFound`] when the caller has no container with that id.
    pub async fn container(&self, caller: &Caller, id: ContainerId) -> Result<Model, ContainerError> {
        let found = container_of(caller, id).one(self.database.reader()).await?;
        found.ok_or(ContainerError::ContainerNotFound)
    }

    /// A page of the caller's containers, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_containers(
        &self,
        caller: &Caller,
        page: PageRequest,
    ) -> Result<Page<Model>, ContainerError> {
        Ok(page.read(containers_of(caller), Column::Id, self.database.reader()).await?)
    }

    /// The number of the caller's containers.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_containers(&self, caller: &Caller) -> Result<u64, ContainerError> {
        Ok(containers_of(caller).count(self.database.reader()).await?)
    }

    /// Deletes a container with its images, encodings, stored bytes and jobs, and ends its subscriptions.
    ///
    /// # Errors
    /// [`ContainerError::ContainerNotFound`] when the caller has no container with that id.
    pub async fn delete_container(&self, caller: &Caller, id: ContainerId) -> Result<(), ContainerError> {
        let mut write = self.database.write().await?;
        let images = image::Entity::find()
            .filter(image::Column::ContainerId.eq(id))
            .filter(image::Column::Tenant.eq(caller.tenant.clone()))
            .all(&*write)
            .await?;
        // Deleting the row cascades to images and encodings.
        let gone = Entity::delete_many()
            .filter(Column::Tenant.eq(caller.tenant.clone()))
            .filter(Column::Id.eq(id))
            .exec(&*write)
            .await?;
        if gone.rows_affected == 0 {
            return Err(ContainerError::ContainerNotFound);
        }
        let subjects: Vec<Uuid> = images.iter().map(|image| image.id.0).collect();
        self.queue.cancel(&mut write, ENCODE_IMAGE, &subjects).await?;
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
