//! Removes expired data: the bytes of failed images, bytes that no image owns, and old idempotency keys.

use std::collections::HashSet;
use std::time::Duration;

use entity::image::{Column, Entity, Status};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect};
use tracing::info;
use uuid::Uuid;

use super::rows::IMAGE_BLOBS;
use super::{ContainerError, Containers};
use crate::store::cleanup::Sweep;
use crate::store::idempotency;

impl Sweep for Containers {
    const NAME: &'static str = "containers";

    type Error = ContainerError;

    async fn sweep(&self, orphan_grace: Duration) -> Result<(), ContainerError> {
        let failed = self.expire_failed_images().await?;
        let orphans = self.remove_orphans(orphan_grace).await?;
        if failed + orphans > 0 {
            info!(failed, orphans, "removed expired bytes");
        }
        let write = self.database.write().await?;
        idempotency::forget_before(&write, self.clock.now() - self.config.idempotency_retention).await?;
        write.commit().await?;
        Ok(())
    }
}

impl Containers {
    async fn expire_failed_images(&self) -> Result<usize, ContainerError> {
        let expired = Column::Status
            .eq(Status::Failed)
            .and(Column::BytesKept.eq(true))
            .and(Column::CompletedAt.lte(self.clock.now() - self.config.failed_image_retention));
        let write = self.database.write().await?;
        let images = Entity::update_many()
            .col_expr(Column::BytesKept, Expr::value(false))
            .filter(expired)
            .exec_with_returning(&*write)
            .await?;
        write.commit().await?;
        for image in &images {
            self.remove_bytes(&image.tenant, image.id).await;
        }
        Ok(images.len())
    }

    async fn remove_orphans(&self, grace: Duration) -> Result<usize, ContainerError> {
        let before = self.clock.now() - grace;
        let half_written = self.blobs.remove_half_written(before).await?;
        let orphans = self.blobs.remove_orphans(IMAGE_BLOBS, before, |ids| self.keeping_bytes(ids)).await?;
        Ok(half_written + orphans)
    }

    /// Those of the given images whose bytes must be kept.
    async fn keeping_bytes(&self, images: Vec<Uuid>) -> Result<HashSet<Uuid>, ContainerError> {
        let kept = Column::Id.is_in(images).and(Column::BytesKept.eq(true));
        let kept = Entity::find().select_only().column(Column::Id).filter(kept);
        Ok(kept.into_tuple::<Uuid>().all(self.database.reader()).await?.into_iter().collect())
    }
}
