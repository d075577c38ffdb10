//! Finds the enrolled faces nearest to a vector. The index is a projection of the database: it is loaded at startup,
//! and used when people are enrolled, changed and identified. Independent of the database, of HTTP and of the
//! interpretation of distances.
//!
//! [`EmbeddedIndex`] keeps every template in memory and is exact: it returns the same result as a comparison of the
//! query with every template.

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

/// Maximum number of values in a vector.
pub const MAX_DIMENSIONS: usize = 65_536;

/// Templates of enrolled faces, searchable by vector. Each change is atomic, and visible to every search that starts
/// after the call returned.
pub trait VectorIndex: Send + Sync {
    /// Removes `removed` from the collection and adds `added`. A face that exists already is replaced; unknown faces in
    /// `removed` are ignored. If several templates of one face are added, the last one counts. On an error nothing is
    /// changed.
    fn replace(
        &self,
        collection: &Collection,
        removed: &[FaceId],
        added: &[Template<'_>],
    ) -> Result<(), IndexError>;

    /// Removes every face of the collection.
    fn drop_collection(&self, collection: &Collection);

    /// Number of faces in the collection; 0 if the collection is unknown.
    fn face_count(&self, collection: &Collection) -> usize;

    /// Number of faces in all collections.
    fn size(&self) -> usize;

    /// The `limit` people nearest to `query`, each by the nearest face, within `max_distance` inclusive. `max_distance`
    /// may be infinite; NaN matches nothing. An unknown collection is treated as empty.
    fn search(
        &self,
        collection: &Collection,
        query: &[f32],
        limit: usize,
        max_distance: f32,
    ) -> Result<SearchResult, IndexError>;

    /// [`Self::replace`] without removals.
    fn insert(&self, collection: &Collection, added: &[Template<'_>]) -> Result<(), IndexError> {
        self.replace(collection, &[], added)
    }

    /// [`Self::replace`] without additions.
    fn remove(&self, collection: &Collection, faces: &[FaceId]) -> Result<(), IndexError> {
        self.replace(collection, faces, &[])
    }
}

/// A set of templates that are searched together. Collections are independent of each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Collection {
    /// Tenant that owns the gallery.
    pub tenant: Tenant,
    /// Lookup key of the gallery.
    pub gallery: NameKey,
    /// Model that computed the vectors.
    pub model: ModelDigest,
    /// Metric for comparing the model's vectors.
    pub metric: Metric,
}

/// The vector of an enrolled face.
#[derive(Clone, Copy, Debug)]
pub struct Template<'a> {
    /// Id of the face.
    pub face: FaceId,
    /// Person whom the face belongs to.
    pub person: PersonId,
    /// 1 to [`MAX_DIMENSIONS`] finite values of any magnitude; all vectors of a collection have the same number.
    pub vector: &'a [f32],
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchResult {
    /// Each person once, with the nearest face. Sorted by distance, then by face id.
    pub matches: Vec<Match>,
    /// Number of faces that the query was compared with.
    pub searched_faces: usize,
}

/// A person found by a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// The person's nearest face; of two equally near faces the one with the smaller id.
    pub face: FaceId,
    /// Id of the person.
    pub person: PersonId,
    /// Distance by the collection's metric, computed from the original vectors and rounded once to f32. 0 for equal
    /// vectors.
    pub distance: f32,
}

/// Why a vector cannot be indexed or searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// The vector has no values, or too many.
    #[error("a vector must have 1 to {MAX_DIMENSIONS} values, not {actual}")]
    Dimensions {
        /// Number of values in the vector.
        actual: usize,
    },
    /// The vector has another length than the vectors of the collection.
    #[error("the collection's vectors have {expected} values, not {actual}")]
    WrongLength {
        /// Number of values in the collection's vectors.
        expected: usize,
        /// Number of values in the vector.
        actual: usize,
    },
    /// A value is infinite or NaN.
    #[error("value {index} of the vector is not finite")]
    NotFinite {
        /// Index of the first such value, from 0.
        index: usize,
    },
}

impl IndexError {
    /// Checks that `vector` can be indexed together with vectors of `dimensions` values.
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
