//! Finds the nearest enrolled faces to a vector. The database is the truth and this a projection of it: called when
//! people are enrolled, changed and identified, and filled when the service starts. Knows no database and no HTTP,
//! and is never asked what a distance means.
//!
//! [`EmbeddedIndex`] keeps every template in memory and misses none: what it answers is what comparing the query
//! with every template would.

mod block;
mod code;
mod distance;
mod embedded;
mod nearest;
mod scan;
mod search;
mod snapshot;
#[cfg(test)]
mod tests;

use entity::ids::{FaceId, PersonId, Tenant};
use entity::name_key::NameKey;
use vision::{Metric, ModelDigest};

pub use embedded::EmbeddedIndex;

/// Most values a vector may have.
pub const MAX_DIMENSIONS: usize = 65_536;

/// Templates of enrolled faces, searched by vector. Every change is visible all at once or not at all, and to every
/// search that starts after the call returned.
pub trait VectorIndex: Send + Sync {
    /// Takes `removed` out of the collection and puts `added` in. A face that is there already is replaced; one in
    /// `removed` that is not there is no matter. Of templates of the same face the last one counts. On an error
    /// nothing has changed.
    fn replace(
        &self,
        collection: &Collection,
        removed: &[FaceId],
        added: &[Template<'_>],
    ) -> Result<(), IndexError>;

    /// Forgets every face of the collection.
    fn drop_collection(&self, collection: &Collection);

    /// How many faces the collection has; 0 when it is unknown.
    fn face_count(&self, collection: &Collection) -> usize;

    /// How many faces all collections have.
    fn size(&self) -> usize;

    /// The `limit` people whose best face is nearest to `query` and within `max_distance`, which counts as within
    /// and may be infinite; none is within NaN. A collection that is unknown has no faces.
    fn search(
        &self,
        collection: &Collection,
        query: &[f32],
        limit: usize,
        max_distance: f32,
    ) -> Result<SearchResult, IndexError>;

    /// [`Self::replace`] that removes nothing.
    fn insert(&self, collection: &Collection, added: &[Template<'_>]) -> Result<(), IndexError> {
        self.replace(collection, &[], added)
    }

    /// [`Self::replace`] that adds nothing.
    fn remove(&self, collection: &Collection, faces: &[FaceId]) -> Result<(), IndexError> {
        self.replace(collection, faces, &[])
    }
}

/// Which templates are searched together. Those of different collections never meet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Collection {
    /// Who owns the gallery.
    pub tenant: Tenant,
    /// What the gallery is found by.
    pub gallery: NameKey,
    /// The model that made the vectors.
    pub model: ModelDigest,
    /// How that model's vectors are compared.
    pub metric: Metric,
}

/// The vector of an enrolled face.
#[derive(Clone, Copy, Debug)]
pub struct Template<'a> {
    /// The face.
    pub face: FaceId,
    /// Whose face it is.
    pub person: PersonId,
    /// 1 to [`MAX_DIMENSIONS`] finite values of any length, as many as every other vector of the collection.
    pub vector: &'a [f32],
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchResult {
    /// Each person once, with the nearest face; nearest first, and of two that are equally near the smaller face id.
    pub matches: Vec<Match>,
    /// How many faces the query was compared with.
    pub searched_faces: usize,
}

/// A person who was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// The face of that person that is nearest; of two that are equally near the one with the smaller id.
    pub face: FaceId,
    /// The person.
    pub person: PersonId,
    /// By the collection's metric, from the vectors themselves, rounded once to f32. 0 is the same vector.
    pub distance: f32,
}

/// A vector that cannot be indexed or searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// It has no values, or too many.
    #[error("a vector has 1 to {MAX_DIMENSIONS} values, not {actual}")]
    Dimensions {
        /// How many it has.
        actual: usize,
    },
    /// It is not as long as the vectors of the collection.
    #[error("the collection's vectors have {expected} values, not {actual}")]
    WrongLength {
        /// How many the others have.
        expected: usize,
        /// How many it has.
        actual: usize,
    },
    /// A value is infinite or not a number.
    #[error("value {index} of the vector is not finite")]
    NotFinite {
        /// Place of the first such value, counted from 0.
        index: usize,
    },
}

impl IndexError {
    /// Is `vector` one that can be indexed beside others of `dimensions` values?
    fn check(vector: &[f32], dimensions: usize) -> Result<(), Self> {
        let actual = vector.len();
        if !(1..=MAX_DIMENSIONS).contains(&actual) {
            return Err(Self::Dimensions { actual });
        }
        if actual != dimensions {
            return Err(Self::WrongLength { expected: dimensions, actual });
        }
        match vector.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(Self::NotFinite { index }),
            None => Ok(()),
        }
    }
}
