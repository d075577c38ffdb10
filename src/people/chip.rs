//! Retained aligned chips of enrolled faces: PPM files, each stored as a blob with the face's id.

use std::collections::HashSet;
use std::time::Duration;

use entity::ids::{FaceId, Tenant};
use entity::{enrollment_frame, face};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;
use vision::Chip;

use super::{People, PeopleError};
use crate::store::blobs::BlobName;
use crate::store::cleanup::Sweep;

/// The blob kind of chips.
const CHIP_BLOBS: &str = "chips";

impl People {
    /// Stores a chip before the row that refers to it is written.
    pub(super) async fn keep_chip(
        &self,
        tenant: &Tenant,
        face: FaceId,
        chip: &Chip,
    ) -> Result<(), PeopleError> {
        Ok(self.blobs.put(&chip_name(tenant, face), chip.to_ppm().into()).await?)
    }

    /// Removes chips; those that cannot be removed now are cleaned up later.
    pub(crate) async fn remove_chips(&self, tenant: &Tenant, faces: &[FaceId]) {
        for face in faces {
            if let Err(error) = self.blobs.delete(&chip_name(tenant, *face)).await {
                tracing::warn!(%error, face.id = %face, "could not remove a chip; the next cleanup removes it");
            }
        }
    }

    async fn chip_owners(&self, ids: Vec<Uuid>) -> Result<HashSet<Uuid>, PeopleError> {
        let faces = face::Entity::find()
            .select_only()
            .column(face::Column::Id)
            .filter(face::Column::Id.is_in(ids.iter().copied()));
        let frames = enrollment_frame::Entity::find()
            .select_only()
            .column(enrollment_frame::Column::FaceId)
            .filter(enrollment_frame::Column::FaceId.is_in(ids));
        let mut owners: HashSet<Uuid> =
            faces.into_tuple::<Uuid>().all(self.database.reader()).await?.into_iter().collect();
        owners.extend(frames.into_tuple::<Uuid>().all(self.database.reader()).await?);
        Ok(owners)
    }
}

impl Sweep for People {
    const NAME: &'static str = "people";

    type Error = PeopleError;

    /// Removes chips that belong to no face and no frame.
    async fn sweep(&self, orphan_grace: Duration) -> Result<(), PeopleError> {
        let before = self.clock.now() - orphan_grace;
        self.blobs.remove_orphans(CHIP_BLOBS, before, |ids| self.chip_owners(ids)).await.map(drop)
    }
}

fn chip_name(tenant: &Tenant, face: FaceId) -> BlobName {
    BlobName { tenant: tenant.clone(), kind: CHIP_BLOBS, owner: face.0 }
}
