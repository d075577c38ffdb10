//! A container with all its contents at one point in time, cached in memory while nothing changes: clients mostly read
//! containers that no longer change.
//!
//! The database is authoritative. Each commit invalidates what it changed before subscribers are notified; and what was
//! read while a change was in progress is not cached, because it may be outdated.

use std::collections::HashMap;
use std::sync::Arc;

use entity::container;
use entity::ids::{ContainerId, ImageId, Tenant};
use parking_lot::{Mutex, MutexGuard};
use sea_orm::TransactionTrait;

use super::rows::{container_of, encodings_in, images_in};
use super::{ContainerError, Containers, ImageState};
use crate::access::caller::Caller;

/// Containers with more encodings, such as those of group photos, are not cached. This bounds the size of the cache.
const MAX_ENCODINGS: usize = 32;

/// Maximum number of cached containers; each takes some 10 kB, at most 100 kB. A full cache is cleared; frequently read
/// containers return soon.
const CAPACITY: usize = 1024;

/// A container, its images (oldest first) and their encodings.
#[derive(Debug)]
pub struct Snapshot {
    /// Database row of the container.
    pub container: container::Model,
    /// The images with their encodings, oldest first.
    pub images: Vec<Arc<ImageState>>,
}

impl Containers {
    /// A container with all its images and encodings.
    ///
    /// # Errors
    /// [`ContainerError::ContainerNotFound`] when the caller has no container with that id.
    pub async fn snapshot(&self, caller: &Caller, id: ContainerId) -> Result<Arc<Snapshot>, ContainerError> {
        let key = (caller.tenant.clone(), id);
        let moment = match self.snapshots.look_up(&key) {
            Ok(kept) => return Ok(kept),
            Err(moment) => moment,
        };
        let snapshot = Arc::new(self.read_snapshot(caller, id).await?);
        self.snapshots.keep(moment, key, &snapshot);
        Ok(snapshot)
    }

    async fn read_snapshot(&self, caller: &Caller, id: ContainerId) -> Result<Snapshot, ContainerError> {
        // One transaction: separate reads could combine states from before and after a change.
        let moment = self.database.reader().begin().await?;
        let container = container_of(caller, id).one(&moment).await?;
        let container = container.ok_or(ContainerError::ContainerNotFound)?;
        let images = images_in(caller, &[id]).all(&moment).await?;
        let ids: Vec<ImageId> = images.iter().map(|image| image.id).collect();
        let mut encodings = encodings_in(caller, &ids).all(&moment).await?;
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

/// The cache of snapshots. Clones share it.
#[derive(Clone, Default)]
pub struct Snapshots(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    by_container: HashMap<Key, Arc<Snapshot>>,
    /// Number of invalidations so far.
    changes: u64,
}

/// The number of invalidations before a database read.
#[derive(Clone, Copy)]
struct Moment(u64);

impl Snapshots {
    /// Removes a container from the cache. Must be called after each commit that changes it, before the change is
    /// published.
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
        self.0.lock()
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
