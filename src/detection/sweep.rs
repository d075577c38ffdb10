//! Removes detections whose time is over, and pictures that no detection owns.

use std::collections::HashSet;
use std::time::Duration;

use entity::detection::{Column, Entity};
use entity::ids::{DetectionId, Tenant};
use entity::job_status::JobStatus;
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect};
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
        let any = [JobStatus::Pending, JobStatus::Processing, JobStatus::Completed, JobStatus::Failed];
        let annotated = [JobStatus::Processing, JobStatus::Completed];
        for (kind, owners) in [(ORIGINALS, &any[..]), (ANNOTATED, &annotated)] {
            self.blobs.remove_orphans(kind, before, |ids| self.with_status(ids, owners)).await?;
        }
        Ok(())
    }
}

impl Detections {
    /// Removes some of those whose time is over; returns how many.
    async fn expire(&self) -> Result<usize, DetectionError> {
        let over = Column::CompletedAt.lte(self.clock.now() - self.config.retention);
        let rows = Entity::find().select_only().column(Column::Id).column(Column::Tenant);
        let rows = rows.filter(over).limit(BATCH).into_tuple::<(DetectionId, Tenant)>();
        let rows = rows.all(self.database.reader()).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let ids: Vec<Uuid> = rows.iter().map(|(id, _)| id.0).collect();
        let mut write = self.database.write().await?;
        Entity::delete_many().filter(Column::Id.is_in(ids.iter().copied())).exec(&*write).await?;
        idempotency::forget_nodes(&write, &ids).await?;
        self.database.erase_after(&mut write);
        write.commit().await?;
        for (id, tenant) in &rows {
            self.remove(tenant, *id, &[ORIGINALS, ANNOTATED]).await;
        }
        info!(detections = rows.len(), "removed detections whose time was over");
        Ok(rows.len())
    }

    /// Those of the detections that have one of these states.
    async fn with_status(
        &self,
        ids: Vec<Uuid>,
        states: &[JobStatus],
    ) -> Result<HashSet<Uuid>, DetectionError> {
        let found = Column::Id.is_in(ids).and(Column::Status.is_in(states.iter().copied()));
        let found = Entity::find().select_only().column(Column::Id).filter(found);
        Ok(found.into_tuple::<Uuid>().all(self.database.reader()).await?.into_iter().collect())
    }
}
