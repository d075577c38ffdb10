//! The reference: an exact scan of all f32 vectors, by a library made for it.

use simsimd::SpatialSimilarity;

use super::faces::DIMENSIONS;

/// Vectors in one contiguous buffer, and the person of each.
pub(crate) struct ExactScan {
    vectors: Vec<f32>,
    people: Vec<usize>,
}

impl ExactScan {
    pub(crate) fn with_capacity(faces: usize) -> Self {
        Self { vectors: Vec::with_capacity(faces * DIMENSIONS), people: Vec::with_capacity(faces) }
    }

    pub(crate) fn push(&mut self, person: usize, vector: &[f32; DIMENSIONS]) {
        self.vectors.extend_from_slice(vector);
        self.people.push(person);
    }

    pub(crate) fn len(&self) -> usize {
        self.people.len()
    }

    pub(crate) fn vectors(&self) -> impl Iterator<Item = &[f32]> {
        self.vectors.chunks_exact(DIMENSIONS)
    }

    pub(crate) fn people(&self) -> impl Iterator<Item = usize> {
        self.people.iter().copied()
    }

    /// The nearest people with their distances, nearest first.
    pub(crate) fn nearest(&self, query: &[f32; DIMENSIONS], top: usize) -> Vec<(f64, usize)> {
        let mut nearest: Vec<(f64, usize)> = Vec::with_capacity(top + 1);
        let mut horizon = f64::INFINITY;
        for (vector, &person) in self.vectors().zip(&self.people) {
            let squared = f32::l2sq(vector, query).unwrap_or(f64::INFINITY);
            if squared < horizon {
                nearest.push((squared, person));
                nearest.sort_by(|left, right| left.0.total_cmp(&right.0));
                let mut seen = Vec::with_capacity(top);
                nearest.retain(|(_, person)| {
                    let new = !seen.contains(person);
                    seen.push(*person);
                    new
                });
                nearest.truncate(top);
                horizon = if nearest.len() < top { f64::INFINITY } else { nearest[top - 1].0 };
            }
        }
        nearest.into_iter().map(|(squared, person)| (squared.sqrt(), person)).collect()
    }
}
