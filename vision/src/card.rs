//! What is known of a model: its name and digest, how its vectors are compared, and under which licence it came.

use serde::{Deserialize, Serialize};

use crate::embedding::{Metric, ModelDigest};

/// A model as it is shown to people and noted beside every vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Its name, as in `dlib-resnet-v1`.
    pub name: String,
    /// Its version, as its pack calls it.
    pub version: String,
    /// What it does.
    pub role: ModelRole,
    /// SHA-256 over the model's files and its preprocessing. Vectors of different digests never meet. Licence texts
    /// and thresholds are not part of it: changing those leaves every vector as it was.
    pub digest: ModelDigest,
    /// How many values an embedding has; `None` for a detector.
    pub dimensions: Option<u32>,
    /// How embeddings are compared; `None` for a detector.
    pub metric: Option<Metric>,
    /// What a distance means; `None` for a detector.
    pub matching: Option<Matching>,
    /// Licence of the weights, as an SPDX expression where there is one.
    pub license: String,
    /// What is known of the data the weights were trained on.
    pub training_data: Option<String>,
}

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelRole {
    /// Finds faces and their landmarks.
    Detector,
    /// Turns a face into a vector.
    Encoder,
}

/// What the distance between two embeddings of a model means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Matching {
    /// One to one: are these two the same person?
    pub verify: Thresholds,
    /// One to many: who in a gallery is this? Stricter, since every face in it is a chance to be wrong.
    pub search: Thresholds,
    /// Turns a distance into a number that people can read.
    pub similarity: SimilarityCurve,
}

impl Matching {
    /// See [`SimilarityCurve::at`].
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
    /// How fast it falls there: four times the loss of similarity per unit of distance.
    pub slope: f32,
}

impl SimilarityCurve {
    /// `1 / (1 + exp(slope * (distance - midpoint)))`: between 0 and 1, falls as the distance grows, 0.5 at the
    /// midpoint. It orders as distance does and is no probability.
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

/// Up to which distance two faces are taken for the same person.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Up to here they may be the same, and a person should look. At least as large as `matched`.
    pub possible: f32,
    /// Up to here they are the same.
    #[serde(rename = "match")]
    pub matched: f32,
}

impl Thresholds {
    /// What to decide at a distance. A distance on a threshold is still within it.
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

/// What is said of two faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MatchDecision {
    /// The same person.
    Match,
    /// Perhaps the same person; someone should look.
    Possible,
    /// Different people.
    NoMatch,
}
