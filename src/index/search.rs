//! One search: compares codes first, and vectors only where necessary.

use vision::Metric;

use super::block::{BLOCK_SIZE, Block};
use super::distance::{exact, straight_line};
use super::nearest::Nearest;
use super::scan::{Near, scan};
use super::{Match, Template};

/// Scans the blocks once. The most promising vectors of each block are compared immediately, to find a tight limit
/// early; the others are deferred, and most of them turn out to be beyond the final limit.
pub(super) struct Search<'a> {
    metric: Metric,
    query: &'a [f32],
    limit: usize,
    nearest: Nearest,
    waiting: Vec<(Near, &'a Block)>,
    /// Scratch buffer.
    near: Vec<Near>,
}

impl<'a> Search<'a> {
    /// A search for the `limit` people nearest to `query` and within `max_distance`.
    pub(super) fn new(metric: Metric, query: &'a [f32], limit: usize, max_distance: f32) -> Self {
        let nearest = Nearest::new(limit, max_distance);
        Self { metric, query, limit, nearest, waiting: Vec::new(), near: Vec::with_capacity(BLOCK_SIZE) }
    }

    /// Searches a block.
    pub(super) fn visit(&mut self, block: &'a Block) {
        let mut near = std::mem::take(&mut self.near);
        let codes = block.codes();
        scan(codes, &codes.query(self.metric, self.query), self.horizon(), &mut near);
        near.retain(|near| near.place < block.len());
        near.sort_unstable_by(|left, right| left.bound.total_cmp(&right.bound));
        let (promising, others) = near.split_at(near.len().min(self.limit));
        for &near in promising {
            self.look_at(near, block);
        }
        let horizon = self.horizon();
        self.waiting
            .extend(others.iter().take_while(|near| near.bound <= horizon).map(|&near| (near, block)));
        self.near = near;
    }

    /// The people found, nearest first.
    pub(super) fn finish(mut self) -> Vec<Match> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_unstable_by(|(left, _), (right, _)| left.bound.total_cmp(&right.bound));
        for (near, block) in waiting {
            if near.bound > self.horizon() {
                break;
            }
            self.look_at(near, block);
        }
        self.nearest.into_matches()
    }

    fn look_at(&mut self, near: Near, block: &Block) {
        let distance = exact(self.metric, self.query, block.vector(near.place));
        // Ids are stored separately and few are needed.
        if distance <= self.nearest.horizon() {
            let Template { face, person, .. } = block.template(near.place);
            self.nearest.offer(Match { face, person, distance });
        }
    }

    fn horizon(&self) -> f64 {
        straight_line(self.metric, self.nearest.horizon())
    }
}
