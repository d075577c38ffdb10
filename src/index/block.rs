//! An immutable block of some hundred templates. Changes replace whole blocks.

use zeroize::Zeroize;

use entity::ids::{FaceId, PersonId};
use vision::Metric;

use super::Template;
use super::code::Codes;

/// Maximum number of templates in a block: small enough to be copied for every change, large enough for an efficient
/// scan.
pub(super) const BLOCK_SIZE: usize = 1024;

/// Between 1 and [`BLOCK_SIZE`] templates.
pub(super) struct Block {
    faces: Box<[FaceId]>,
    persons: Box<[PersonId]>,
    /// The concatenated vectors.
    vectors: Box<[f32]>,
    dimensions: usize,
    codes: Codes,
    /// The smallest and the largest id. Ids grow with time, so most blocks need not be searched for a given id.
    range: Option<(FaceId, FaceId)>,
}

impl Block {
    /// Copies `templates`, whose vectors have `dimensions` finite values each.
    pub(super) fn new(metric: Metric, dimensions: usize, templates: &[Template<'_>]) -> Self {
        let mut vectors = Vec::with_capacity(templates.len() * dimensions);
        for template in templates {
            vectors.extend_from_slice(template.vector);
        }
        let faces: Box<[FaceId]> = templates.iter().map(|template| template.face).collect();
        Self {
            range: faces.iter().min().copied().zip(faces.iter().max().copied()),
            faces,
            persons: templates.iter().map(|template| template.person).collect(),
            codes: Codes::new(metric, dimensions, vectors.chunks_exact(dimensions)),
            vectors: vectors.into_boxed_slice(),
            dimensions,
        }
    }

    /// Number of templates.
    pub(super) fn len(&self) -> usize {
        self.faces.len()
    }

    /// Whether the block contains any of `faces`, which must be sorted in ascending order.
    pub(super) fn holds_any(&self, faces: &[FaceId]) -> bool {
        let from = |bound| &faces[faces.partition_point(|&face| face < bound)..];
        self.range.is_some_and(|(first, last)| from(first).first().is_some_and(|&face| face <= last))
            && self.faces.iter().any(|face| faces.binary_search(face).is_ok())
    }

    /// The templates in insertion order.
    pub(super) fn templates(&self) -> impl Iterator<Item = Template<'_>> {
        (0..self.len()).map(|place| self.template(place))
    }

    /// The codes of the vectors in the same order.
    pub(super) fn codes(&self) -> &Codes {
        &self.codes
    }

    /// The template at a position less than [`Self::len`].
    pub(super) fn template(&self, place: usize) -> Template<'_> {
        Template { face: self.faces[place], person: self.persons[place], vector: self.vector(place) }
    }

    /// The vector at a position less than [`Self::len`].
    pub(super) fn vector(&self, place: usize) -> &[f32] {
        &self.vectors[place * self.dimensions..][..self.dimensions]
    }
}

impl Drop for Block {
    // Zeroes the memory, so that removed vectors do not remain in freed memory.
    fn drop(&mut self) {
        self.vectors.zeroize();
    }
}
