//! An immutable state of a collection. A change creates a new snapshot that shares the unchanged blocks.

use std::collections::HashSet;
use std::sync::Arc;

use entity::ids::FaceId;
use vision::Metric;

use super::block::{BLOCK_SIZE, Block};
use super::search::Search;
use super::{IndexError, SearchResult, Template};

/// Blocks of templates. All but the last are at least half full.
pub(super) struct Snapshot {
    metric: Metric,
    dimensions: usize,
    blocks: Vec<Arc<Block>>,
}

impl Snapshot {
    /// A snapshot without templates, for vectors with `dimensions` values.
    pub(super) fn empty(metric: Metric, dimensions: usize) -> Self {
        Self { metric, dimensions, blocks: Vec::new() }
    }

    /// Number of templates.
    pub(super) fn face_count(&self) -> usize {
        self.blocks.iter().map(|block| block.len()).sum()
    }

    /// A copy without `removed` and with `added`; see [`super::VectorIndex::replace`].
    pub(super) fn replace(&self, removed: &[FaceId], added: &[Template<'_>]) -> Result<Self, IndexError> {
        for template in added {
            IndexError::check(template.vector, self.dimensions)?;
        }
        let gone = ascending(removed.iter().copied().chain(added.iter().map(|template| template.face)));
        let (mut blocks, mut loose) = self.without(&gone);
        loose.extend(last_of_each_face(added));
        // Fills the last block before another is started.
        if !loose.is_empty()
            && let Some(last) = self.blocks.last().filter(|last| last.len() < BLOCK_SIZE)
            && blocks.pop_if(|block| Arc::ptr_eq(block, last)).is_some()
        {
            loose.splice(..0, last.templates());
        }
        blocks.extend(loose.chunks(BLOCK_SIZE).map(|chunk| self.block(chunk)));
        Ok(Self { blocks, ..*self })
    }

    /// The people nearest to `query`; see [`super::VectorIndex::search`].
    pub(super) fn search(
        &self,
        query: &[f32],
        limit: usize,
        max_distance: f32,
    ) -> Result<SearchResult, IndexError> {
        IndexError::check(query, self.dimensions)?;
        let mut search = Search::new(self.metric, query, limit, max_distance);
        if limit > 0 {
            for block in &self.blocks {
                search.visit(block);
            }
        }
        Ok(SearchResult { matches: search.finish(), searched_faces: self.face_count() })
    }

    /// The blocks without the faces that are `gone`, and the templates of blocks that became less than half full.
    fn without(&self, gone: &[FaceId]) -> (Vec<Arc<Block>>, Vec<Template<'_>>) {
        let (mut blocks, mut loose) = (Vec::with_capacity(self.blocks.len() + 1), Vec::new());
        for block in &self.blocks {
            if !block.holds_any(gone) {
                blocks.push(block.clone());
                continue;
            }
            let left: Vec<_> =
                block.templates().filter(|template| gone.binary_search(&template.face).is_err()).collect();
            if left.len() >= BLOCK_SIZE / 2 {
                blocks.push(self.block(&left));
            } else {
                loose.extend(left);
            }
        }
        (blocks, loose)
    }

    fn block(&self, templates: &[Template<'_>]) -> Arc<Block> {
        Arc::new(Block::new(self.metric, self.dimensions, templates))
    }
}

fn ascending(faces: impl Iterator<Item = FaceId>) -> Vec<FaceId> {
    let mut faces: Vec<FaceId> = faces.collect();
    faces.sort_unstable();
    faces
}

fn last_of_each_face<'a>(templates: &[Template<'a>]) -> Vec<Template<'a>> {
    let mut seen = HashSet::with_capacity(templates.len());
    let mut last: Vec<_> =
        templates.iter().rev().filter(|template| seen.insert(template.face)).copied().collect();
    last.reverse();
    last
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use entity::ids::PersonId;

    fn face(id: usize) -> FaceId {
        FaceId(Uuid::from_u128(id as u128))
    }

    fn full(blocks: usize) -> Snapshot {
        let person = PersonId(Uuid::nil());
        let templates: Vec<_> =
            (0..blocks * BLOCK_SIZE).map(|id| Template { face: face(id), person, vector: &[1.0] }).collect();
        Snapshot::empty(Metric::Euclidean, 1).replace(&[], &templates).unwrap()
    }

    #[test]
    fn blocks_do_not_stay_half_empty() {
        let full = full(20);
        for every in 2..8 {
            let removed: Vec<_> = (0..full.face_count()).filter(|id| id % every != 0).map(face).collect();
            let left = full.replace(&removed, &[]).unwrap();
            assert_eq!(left.face_count(), full.face_count() - removed.len());
            assert!(left.blocks.len() <= 2 * left.face_count() / BLOCK_SIZE + 1);
        }
    }

    #[test]
    fn adding_a_face_copies_one_block_at_most() {
        let full = full(5);
        let template = |id| Template { face: face(id), person: PersonId(Uuid::nil()), vector: &[1.0] };
        let one_more = full.replace(&[], &[template(1_000_000)]).unwrap();
        let two_more = one_more.replace(&[], &[template(1_000_001)]).unwrap();
        assert_eq!(two_more.blocks.len(), 6);
        for (before, after) in full.blocks.iter().zip(&two_more.blocks) {
            assert!(Arc::ptr_eq(before, after));
        }
    }

    #[test]
    fn a_block_with_a_removed_face_is_freed() {
        let full = full(3);
        let held = Arc::downgrade(&full.blocks[1]);
        let left = full.replace(&[face(BLOCK_SIZE + 7)], &[]).unwrap();
        drop(full);
        assert!(held.upgrade().is_none());
        assert_eq!(left.face_count(), 3 * BLOCK_SIZE - 1);
    }
}
