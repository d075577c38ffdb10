//! Information about a model: its name and digest, how its vectors are compared, and its licence.

use serde::{Deserialize, Serialize};

use crate::embedding::{Metric, ModelDigest};

/// The description of a model, shown to users; its digest is stored with every vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// The name, such as `dlib-resnet-v1`.
    pub name: String,
    /// The version, as given in its pack.
    pub version: String,
    /// Whether it detects or encodes faces.
    pub role: ModelRole,
    /// SHA-256 over the model's files and its preprocessing. Vectors with different digests are never compared. Licence
    /// texts and thresholds are not included: changing them does not change any vector.
    pub digest: ModelDigest,
    /// Number of values of an embedding; `None` for a detector.
    pub dimensions: Option<u32>,
    /// How embeddings are compared; `None` for a detector.
    pub metric: Option<Metric>,
    /// How distances are interpreted; `None` for a detector.
    pub matching: Option<Matching>,
    /// Licence of the weights, as an SPDX expression where there is one.
    pub license: String,
    /// Information about the data that the weights were trained on.
    pub training_data: Option<String>,
}

/// The task of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelRole {
    /// Finds faces and their landmarks.
    Detector,
    /// Turns a face into a vector.
    Encoder,
}

/// How the distance between two embeddings of a model is interpreted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Matching {
    /// Thresholds for 1:1 comparison (verification): do two faces belong to the same person?
    pub verify: Thresholds,
    /// Thresholds for 1:N comparison (identification). Stricter, since every face in the gallery is a chance of a false
    /// match.
    pub search: Thresholds,
    /// Converts a distance into a human-readable score.
    pub similarity: SimilarityCurve,
}

impl Matching {
    /// The similarity for a distance; see [`SimilarityCurve::at`].
    #[must_use]
    pub fn similarity(&self, distance: f32) -> f32 {
        self.similarity.at(distance)
    }
}

/// A logistic curve over distance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimilarityCurve {
    /// The distance at which the similarity is 0.5.
    pub midpoint: f32,
    /// The steepness there: four times the loss of similarity per unit of distance.
    pub slope: f32,
}

impl SimilarityCurve {
    /// `1 / (1 + exp(slope * (distance - midpoint)))`: between 0 and 1, decreasing with the distance, 0.5 at the
    /// midpoint. It has the same order as the distance and is not a probability.
    #[must_use]
    pub fn at(&self, distance: f32) -> f32 {
        1.0 / (1.0 + (self.slope * (distance - self.midpoint)).exp())
    }

    /// The distance at which the similarity is `similarity`, from 0 to 1; infinite at the ends.
    #[must_use]
    pub fn distance(&self, similarity: f32) -> f32 {
        self.midpoint + ((1.0 - similarity) / similarity).ln() / self.slope
    }
}

/// Maximum distances at which two faces are considered the same person.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Maximum distance for a possible match, which a person should review. At least as large as `matched`.
    pub possible: f32,
    /// Maximum distance for a match.
    #[serde(rename = "match")]
    pub matched: f32,
}

impl Thresholds {
    /// The decision for a distance. A distance equal to a threshold is within it.
    #[must_use]
    pub fn decision(&self, distance: f32) -> MatchDecision {
        if distance <= self.matched {
            MatchDecision::Match
        } else if distance <= self.possible {
            MatchDecision::Possible
        } else {
            MatchDecision::NoMatch
        }
    }
}

/// The decision about two faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MatchDecision {
    /// The same person.
    Match,
    /// Possibly the same person; a person should review it.
    Possible,
    /// Different people.
    NoMatch,
}
