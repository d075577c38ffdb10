//! A container with all that is in it, as it is now. Kept in memory while nothing changes: it is what clients
//! read most, and a settled container does not change any more.
//!
//! The database is the truth. What a commit changes is forgotten right after it, before anybody hears of it; and
//! what was read while something changed is not kept, since it may be the state before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entity::container;
use entity::ids::{ContainerId, ImageId, Tenant};
use sea_orm::TransactionTrait;

use super::container::with_id;
use super::encoding::of_images;
use super::image::of_containers;
use super::{ImageState, Verification, VerificationError};
use crate::caller::Caller;

/// Containers of group photos are not kept: with a bound on each, the whole has one too.
const MAX_ENCODINGS: usize = 32;

/// Containers kept; some 10 kB each, at most 100. When there is no room it starts anew: what is read often is soon back.
const CAPACITY: usize = 1024;

/// A container, its images (oldest first) and their encodings.
#[derive(Debug)]
pub struct Snapshot {
    /// The container's row.
    pub container: container::Model,
    /// Its images.
    pub images: Vec<Arc<ImageState>>,
}

impl Verification {
    /// A container with all that is in it.
    ///
    /// # Errors
    /// [`VerificationError::ContainerNotFound`] when the caller has none by that id.
    pub async fn snapshot(
        &self,
        caller: &Caller,
        id: ContainerId,
    ) -> Result<Arc<Snapshot>, VerificationError> {
        let key = (caller.tenant.clone(), id);
        let moment = match self.snapshots.look_up(&key) {
            Ok(kept) => return Ok(kept),
            Err(moment) => moment,
        };
        let snapshot = Arc::new(self.read_snapshot(caller, id).await?);
        self.snapshots.keep(moment, key, &snapshot);
        Ok(snapshot)
    }

    async fn read_snapshot(&self, caller: &Caller, id: ContainerId) -> Result<Snapshot, VerificationError> {
        // One transaction: with a change between two of these, they would show what never was.
        let moment = self.database.reader().begin().await?;
        let container = with_id(caller, id).one(&moment).await?;
        let container = container.ok_or(VerificationError::ContainerNotFound)?;
        let images = of_containers(caller, &[id]).all(&moment).await?;
        let ids: Vec<ImageId> = images.iter().map(|image| image.id).collect();
        let mut encodings = of_images(caller, &ids).all(&moment).await?;
        moment.commit().await?;
        let state = |image: entity::image::Model| {
            let of_image = |encoding: &mut entity::encoding::Model| encoding.image_id == image.id;
            let found = encodings.extract_if(.., of_image).map(Arc::new).collect();
            Arc::new(ImageState { image, encodings: found })
        };
        Ok(Snapshot { container, images: images.into_iter().map(state).collect() })
    }
}

type Key = (Tenant, ContainerId);

/// The snapshots kept. Cloning shares them.
#[derive(Clone, Default)]
pub struct Snapshots(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    by_container: HashMap<Key, Arc<Snapshot>>,
    /// How often something was forgotten.
    changes: u64,
}

/// The moment before a reading of the database.
#[derive(Clone, Copy)]
struct Moment(u64);

impl Snapshots {
    /// Forgets a container. To be called after each commit that changes it, before the change is announced.
    pub(super) fn forget(&self, key: &Key) {
        let mut kept = self.kept();
        kept.changes += 1;
        kept.by_container.remove(key);
    }

    fn look_up(&self, key: &Key) -> Result<Arc<Snapshot>, Moment> {
        let kept = self.kept();
        kept.by_container.get(key).cloned().ok_or(Moment(kept.changes))
    }

    fn keep(&self, moment: Moment, key: Key, snapshot: &Arc<Snapshot>) {
        let mut kept = self.kept();
        let encodings: usize = snapshot.images.iter().map(|state| state.encodings.len()).sum();
        if kept.changes != moment.0 || encodings > MAX_ENCODINGS {
            return;
        }
        if kept.by_container.len() >= CAPACITY {
            kept.by_container.clear();
        }
        kept.by_container.insert(key, snapshot.clone());
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // No code that holds the lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_kept() {
        let snapshots = Snapshots::default();
        let (id, tenant) = (ContainerId(Uuid::nil()), Tenant::parse("acme").unwrap());
        let created_at = DateTime::UNIX_EPOCH;
        let container =
            container::Model { id, tenant: tenant.clone(), metadata: None, image_limit: 5, created_at };
        let (key, snapshot) = ((tenant, id), Arc::new(Snapshot { container, images: Vec::new() }));

        let moment = snapshots.look_up(&key).unwrap_err();
        snapshots.forget(&key);
        snapshots.keep(moment, key.clone(), &snapshot);
        let moment = snapshots.look_up(&key).unwrap_err();

        snapshots.keep(moment, key.clone(), &snapshot);
        assert!(snapshots.look_up(&key).is_ok());
        snapshots.forget(&key);
        assert!(snapshots.look_up(&key).is_err());
    }
}
