//! Removes contours whose time is over, and files that no contour owns.

use std::collections::HashSet;
use std::time::Duration;

use entity::contour::{Column, Entity};
use entity::ids::{ContourId, Tenant};
use entity::job_status::JobStatus;
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect};
use tracing::info;
use uuid::Uuid;

use super::{ContourError, Contours, DRAWINGS, IMAGES, MAPS, REGIONS};
use crate::idempotency;
use crate::sweeper::Sweep;

/// Contours removed in one write.
const BATCH: u64 = 500;

impl Sweep for Contours {
    const NAME: &'static str = "contours";

    type Error = ContourError;

    async fn sweep(&self, orphan_grace: Duration) -> Result<(), ContourError> {
        while self.expire().await? > 0 {}
        let before = self.clock.now() - orphan_grace;
        let waiting = [JobStatus::Pending, JobStatus::Processing];
        let drawn = [JobStatus::Processing, JobStatus::Completed];
        for (kind, owners) in [(IMAGES, waiting), (MAPS, waiting), (DRAWINGS, drawn), (REGIONS, drawn)] {
            self.blobs.remove_orphans(kind, before, |ids| self.with_status(ids, owners)).await?;
        }
        Ok(())
    }
}

impl Contours {
    /// Removes some of those whose time is over; returns how many.
    async fn expire(&self) -> Result<usize, ContourError> {
        let over = Column::CompletedAt.lte(self.clock.now() - self.config.retention);
        let rows = Entity::find().select_only().column(Column::Id).column(Column::Tenant);
        let rows = rows.filter(over).limit(BATCH).into_tuple::<(ContourId, Tenant)>();
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
            self.remove(tenant, *id, &[DRAWINGS, REGIONS]).await;
        }
        info!(contours = rows.len(), "removed contours whose time was over");
        Ok(rows.len())
    }

    /// Those of the contours that have one of these states.
    async fn with_status(
        &self,
        ids: Vec<Uuid>,
        states: [JobStatus; 2],
    ) -> Result<HashSet<Uuid>, ContourError> {
        let found = Column::Id.is_in(ids).and(Column::Status.is_in(states));
        let found = Entity::find().select_only().column(Column::Id).filter(found);
        Ok(found.into_tuple::<Uuid>().all(self.database.reader()).await?.into_iter().collect())
    }
}
