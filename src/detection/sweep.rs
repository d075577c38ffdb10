//! Removes detections whose time is over, and pictures that no detection owns.

use std::collections::HashSet;
use std::time::Duration;

use entity::detection::{Column, Entity};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use tracing::info;
use uuid::Uuid;

use super::{ANNOTATED, DetectionError, Detections, ORIGINALS};
use crate::idempotency;
use crate::sweeper::Sweep;

/// Detections removed in one write.
const BATCH: u64 = 500;

impl Sweep for Detections {
    const NAME: &'static str = "detection";

    type Error = DetectionError;

    async fn sweep(&self, orphan_grace: Duration) -> Result<(), DetectionError> {
        while self.expire().await? > 0 {}
        let before = self.clock.now() - orphan_grace;
        for kind in [ORIGINALS, ANNOTATED] {
            self.blobs.remove_orphans(kind, before, |ids| self.existing(ids)).await?;
        }
        Ok(())
    }
}

impl Detections {
    /// Removes some of those whose time is over; returns how many.
    async fn expire(&self) -> Result<usize, DetectionError> {
        let over = Column::CompletedAt.lte(self.clock.now() - self.config.retention);
        let rows = Entity::find().filter(over).limit(BATCH).all(self.database.reader()).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
        let mut write = self.database.write().await?;
        Entity::delete_many().filter(Column::Id.is_in(ids.iter().copied())).exec(&*write).await?;
        idempotency::forget_nodes(&write, &ids).await?;
        self.database.erase_after(&mut write);
        write.commit().await?;
        for row in &rows {
            self.remove_pictures(&row.tenant, row.id).await;
        }
        info!(detections = rows.len(), "removed detections whose time was over");
        Ok(rows.len())
    }

    async fn existing(&self, ids: Vec<Uuid>) -> Result<HashSet<Uuid>, DetectionError> {
        let found = Entity::find().select_only().column(Column::Id).filter(Column::Id.is_in(ids));
        Ok(found.into_tuple::<Uuid>().all(self.database.reader()).await?.into_iter().collect())
    }
}
