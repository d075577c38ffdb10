//! The index in the service's own memory.

use std::collections::HashMap;
use std::sync::Arc;

use entity::ids::FaceId;
use parking_lot::{Mutex, RwLock};

use super::snapshot::Snapshot;
use super::{Collection, IndexError, SearchResult, Template, VectorIndex};

/// Keeps every template in memory; each takes some 50 bytes and 4.5 bytes per dimension. Searches are exact, consider
/// every template of the collection, and never wait for changes. Changes are serialized.
#[derive(Default)]
pub struct EmbeddedIndex {
    /// Held while the next snapshot is created, so that no concurrent change is lost.
    changing: Mutex<()>,
    /// Locked only to read or replace a pointer. Never contains an empty snapshot.
    snapshots: RwLock<HashMap<Collection, Arc<Snapshot>>>,
}

impl EmbeddedIndex {
    /// An empty index.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // Snapshots are replaced atomically, so the map is valid even after a panic.
    fn snapshot(&self, collection: &Collection) -> Option<Arc<Snapshot>> {
        self.snapshots.read().get(collection).cloned()
    }

    /// Returns the previous snapshot, so that the caller can free it after the lock is released.
    fn put(&self, collection: &Collection, next: Option<Snapshot>) -> Option<Arc<Snapshot>> {
        let next = next.filter(|snapshot| snapshot.face_count() > 0).map(Arc::new);
        let mut snapshots = self.snapshots.write();
        match next {
            Some(next) => snapshots.insert(collection.clone(), next),
            None => snapshots.remove(collection),
        }
    }
}

impl VectorIndex for EmbeddedIndex {
    fn replace(
        &self,
        collection: &Collection,
        removed: &[FaceId],
        added: &[Template<'_>],
    ) -> Result<(), IndexError> {
        let _changing = self.changing.lock();
        let current = match (self.snapshot(collection), added.first()) {
            (Some(current), _) => current,
            (None, Some(first)) => Arc::new(Snapshot::empty(collection.metric, first.vector.len())),
            (None, None) => return Ok(()),
        };
        let next = current.replace(removed, added)?;
        drop(self.put(collection, Some(next)));
        Ok(())
    }

    fn drop_collection(&self, collection: &Collection) {
        let _changing = self.changing.lock();
        drop(self.put(collection, None));
    }

    fn face_count(&self, collection: &Collection) -> usize {
        self.snapshot(collection).map_or(0, |snapshot| snapshot.face_count())
    }

    fn size(&self) -> usize {
        let snapshots = self.snapshots.read();
        snapshots.values().map(|snapshot| snapshot.face_count()).sum()
    }

    fn search(
        &self,
        collection: &Collection,
        query: &[f32],
        limit: usize,
        max_distance: f32,
    ) -> Result<SearchResult, IndexError> {
        match self.snapshot(collection) {
            Some(snapshot) => snapshot.search(query, limit, max_distance),
            None => IndexError::check(query, query.len())
                .map(|()| SearchResult { matches: Vec::new(), searched_faces: 0 }),
        }
    }
}
