//! Removes what has expired: a failed image's bytes, bytes that no image owns, old idempotency keys.

use entity::ids::ImageId;
use entity::image::{Column, Entity, Status};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::image::{IMAGE_BLOBS, blob_name};
use super::{Verification, VerificationError};
use crate::idempotency;

/// How many names are looked up at once.
const BATCH: usize = 500;

impl Verification {
    /// Sweeps now and again until `stop`.
    pub async fn sweep_until(&self, stop: CancellationToken) {
        let mut turns = tokio::time::interval(self.config.sweep_interval);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = turns.tick() => {}
            }
            if let Err(error) = self.sweep().await {
                warn!(%error, "could not sweep; will try again");
            }
        }
    }

    /// Sweeps once.
    ///
    /// # Errors
    /// When the database or the blob store fails; the next sweep goes on.
    pub async fn sweep(&self) -> Result<(), VerificationError> {
        let failed = self.expire_failed_images().await?;
        let orphans = self.remove_orphans().await?;
        if failed + orphans > 0 {
            info!(failed, orphans, "removed expired bytes");
        }
        let write = self.database.write().await?;
        idempotency::forget_before(&write, self.clock.now() - self.config.idempotency_retention).await?;
        write.commit().await?;
        Ok(())
    }

    async fn expire_failed_images(&self) -> Result<usize, VerificationError> {
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

    async fn remove_orphans(&self) -> Result<usize, VerificationError> {
        let before = self.clock.now() - self.config.orphan_grace;
        let mut removed = self.blobs.remove_half_written(before).await?;
        for names in self.blobs.written_before(before, IMAGE_BLOBS).await?.chunks(BATCH) {
            let ids = names.iter().map(|name| name.owner);
            let kept = Column::Id.is_in(ids).and(Column::BytesKept.eq(true));
            let owners: Vec<ImageId> = Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(kept)
                .into_tuple()
                .all(self.database.reader())
                .await?;
            for name in names.iter().filter(|name| !owners.contains(&ImageId(name.owner))) {
                self.blobs.delete(&blob_name(&name.tenant, ImageId(name.owner))).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}
