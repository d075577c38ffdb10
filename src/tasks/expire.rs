//! Removes expired tasks, and files that belong to no task.

use std::collections::HashSet;
use std::time::Duration;

use entity::ids::Tenant;
use entity::job_status::JobStatus;
use sea_orm::{ColumnTrait, DbErr, ExprTrait, QueryFilter, QuerySelect};
use tracing::info;
use uuid::Uuid;

use super::{Task, Tasks};
use crate::store::blobs::BlobError;
use crate::store::cleanup::Sweep;
use crate::store::idempotency;

/// Tasks removed per write.
const BATCH: u64 = 500;

/// Why a cleanup fails.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbErr),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl<E: Task> Sweep for Tasks<E> {
    const NAME: &'static str = E::NAME;

    type Error = SweepError;

    async fn sweep(&self, orphan_grace: Duration) -> Result<(), SweepError> {
        while self.expire().await? > 0 {}
        let before = self.clock.now() - orphan_grace;
        for (kind, owners) in E::FILES {
            self.blobs.remove_orphans(kind, before, |ids| self.with_status(ids, owners)).await?;
        }
        Ok(())
    }
}

impl<E: Task> Tasks<E> {
    /// Removes a batch of expired tasks; returns how many.
    async fn expire(&self) -> Result<usize, DbErr> {
        let over = E::COMPLETED_AT.lte(self.clock.now() - self.retention);
        let rows = E::find().select_only().column(E::ID).column(E::TENANT);
        let rows = rows.filter(over).limit(BATCH).into_tuple::<(Uuid, Tenant)>();
        let rows = rows.all(self.database.reader()).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let ids: Vec<Uuid> = rows.iter().map(|(id, _)| *id).collect();
        let mut write = self.database.write().await?;
        E::before_expiry(&write, &ids).await?;
        E::delete_many().filter(E::ID.is_in(ids.iter().copied())).exec(&*write).await?;
        idempotency::forget_nodes(&write, &ids).await?;
        self.database.erase_after(&mut write);
        write.commit().await?;
        for (id, tenant) in &rows {
            self.remove_all_files(tenant, *id).await;
        }
        info!(of = E::NAME, count = rows.len(), "removed expired tasks");
        Ok(rows.len())
    }

    /// Those of `ids` that have one of the given statuses.
    async fn with_status(&self, ids: Vec<Uuid>, states: &[JobStatus]) -> Result<HashSet<Uuid>, SweepError> {
        let found = E::ID.is_in(ids).and(E::STATUS.is_in(states.iter().copied()));
        let found = E::find().select_only().column(E::ID).filter(found);
        Ok(found.into_tuple::<Uuid>().all(self.database.reader()).await?.into_iter().collect())
    }
}
