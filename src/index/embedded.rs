//! The index in the service's own memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use entity::ids::FaceId;

use super::snapshot::Snapshot;
use super::{Collection, IndexError, SearchResult, Template, VectorIndex};

/// Keeps every template in memory: for each some 50 bytes and 4.5 a dimension. Searches compare the query with every
/// template of the collection, never wait for a change, and answer exactly. Changes wait for one another.
#[derive(Default)]
pub struct EmbeddedIndex {
    /// Held while the next snapshot is made, so that no change is lost between two.
    changing: Mutex<()>,
    /// Locked only to take or put a pointer. Never an empty snapshot.
    snapshots: RwLock<HashMap<Collection, Arc<Snapshot>>>,
}

impl EmbeddedIndex {
    /// An index with no faces.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // Snapshots are put in place whole, so one that a panicking thread left is as good as any.
    fn snapshot(&self, collection: &Collection) -> Option<Arc<Snapshot>> {
        self.snapshots.read().unwrap_or_else(PoisonError::into_inner).get(collection).cloned()
    }

    /// Returns the snapshot that was there before, for the caller to free when nobody waits for the lock.
    fn put(&self, collection: &Collection, next: Option<Snapshot>) -> Option<Arc<Snapshot>> {
        let next = next.filter(|snapshot| snapshot.face_count() > 0).map(Arc::new);
        let mut snapshots = self.snapshots.write().unwrap_or_else(PoisonError::into_inner);
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
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
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
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.put(collection, None));
    }

    fn face_count(&self, collection: &Collection) -> usize {
        self.snapshot(collection).map_or(0, |snapshot| snapshot.face_count())
    }

    fn size(&self) -> usize {
        let snapshots = self.snapshots.read().unwrap_or_else(PoisonError::into_inner);
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
