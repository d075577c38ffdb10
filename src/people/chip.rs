//! Aligned chips of enrolled faces, where they are kept: as PPM files, each the blob of its face.

use std::collections::HashSet;
use std::time::Duration;

use entity::ids::{FaceId, Tenant};
use entity::{enrollment_frame, face};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use tokio_util::sync::CancellationToken;
use vision::Chip;

use super::{People, PeopleError};
use crate::blobs::BlobName;

/// The kind of blob that a chip is.
const CHIP_BLOBS: &str = "chips";

/// Names looked up at once.
const BATCH: usize = 500;

impl People {
    /// Stores a chip, before the row that says so.
    pub(super) async fn keep_chip(
        &self,
        tenant: &Tenant,
        face: FaceId,
        chip: &Chip,
    ) -> Result<(), PeopleError> {
        Ok(self.blobs.put(&chip_name(tenant, face), chip.to_ppm().into()).await?)
    }

    /// Removes chips; what cannot be removed now is swept later.
    pub(crate) async fn remove_chips(&self, tenant: &Tenant, faces: &[FaceId]) {
        for face in faces {
            if let Err(error) = self.blobs.delete(&chip_name(tenant, *face)).await {
                tracing::warn!(%error, face.id = %face, "could not remove a chip; the sweeper will");
            }
        }
    }

    /// Removes chips that no face and no frame owns and that are older than `age`, once in every `age` until `stop`.
    pub async fn sweep_until(&self, stop: CancellationToken, age: Duration) {
        while stop.run_until_cancelled(tokio::time::sleep(age)).await.is_some() {
            if let Err(error) = self.sweep_chips(age).await {
                tracing::warn!(%error, "could not sweep chips; will try again");
            }
        }
    }

    async fn sweep_chips(&self, age: Duration) -> Result<(), PeopleError> {
        let before = self.clock.now() - age;
        for names in self.blobs.written_before(before, CHIP_BLOBS).await?.chunks(BATCH) {
            let ids: Vec<FaceId> = names.iter().map(|name| FaceId(name.owner)).collect();
            let owned = self.chip_owners(&ids).await?;
            for name in names.iter().filter(|name| !owned.contains(&FaceId(name.owner))) {
                self.blobs.delete(name).await?;
            }
        }
        Ok(())
    }

    async fn chip_owners(&self, ids: &[FaceId]) -> Result<HashSet<FaceId>, PeopleError> {
        let faces = face::Entity::find()
            .select_only()
            .column(face::Column::Id)
            .filter(face::Column::Id.is_in(ids.iter().copied()));
        let frames = enrollment_frame::Entity::find()
            .select_only()
            .column(enrollment_frame::Column::FaceId)
            .filter(enrollment_frame::Column::FaceId.is_in(ids.iter().copied()));
        let mut owners: HashSet<FaceId> =
            faces.into_tuple::<FaceId>().all(self.database.reader()).await?.into_iter().collect();
        owners.extend(frames.into_tuple::<FaceId>().all(self.database.reader()).await?);
        Ok(owners)
    }
}

fn chip_name(tenant: &Tenant, face: FaceId) -> BlobName {
    BlobName { tenant: tenant.clone(), kind: CHIP_BLOBS, owner: face.0 }
}
