//! A face as a vector with the digest of the model that computed it. Comparing vectors of two models is a typed error,
//! because the result would be meaningless.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The encoding of a face: a fixed number of finite values, and the digest of the model that computed them.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    model: ModelDigest,
    values: Box<[f32]>,
}

impl Embedding {
    /// Wraps `values` computed by `model`. Refuses an empty vector and any value that is not finite.
    pub fn new(model: ModelDigest, values: Vec<f32>) -> Result<Self, EmbeddingError> {
        if values.is_empty() {
            return Err(EmbeddingError::Empty);
        }
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(EmbeddingError::NotFinite { index });
        }
        Ok(Self { model, values: values.into_boxed_slice() })
    }

    /// The values, as many as the model has dimensions.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The digest of the model that computed this vector.
    #[must_use]
    pub fn model(&self) -> ModelDigest {
        self.model
    }

    /// The distance between two faces: 0 for equal vectors, larger for less similar ones.
    ///
    /// Euclidean: the length of the difference. Cosine: 1 - cosine of the angle, 0 to 2.
    pub fn distance(&self, other: &Self, metric: Metric) -> Result<f32, ModelMismatch> {
        if self.model != other.model {
            return Err(ModelMismatch::Models { left: self.model, right: other.model });
        }
        if self.values.len() != other.values.len() {
            return Err(ModelMismatch::Dimensions { left: self.values.len(), right: other.values.len() });
        }
        Ok(metric.distance(&self.values, &other.values))
    }
}

/// How the vectors of a model are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// The length of the difference of two vectors.
    Euclidean,
    /// One minus the cosine of the angle between two vectors.
    Cosine,
}

impl Metric {
    /// The distance of two vectors of one model; surplus values of the longer one are ignored.
    #[must_use]
    pub fn distance(self, left: &[f32], right: &[f32]) -> f32 {
        match self {
            Self::Euclidean => left.iter().zip(right).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt(),
            Self::Cosine => 1.0 - dot(left, right) / length_product(left, right),
        }
    }
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

// A zero vector has no direction; dividing by the smallest number gives it distance 1 from everything instead of NaN.
fn length_product(left: &[f32], right: &[f32]) -> f32 {
    (dot(left, left) * dot(right, right)).sqrt().max(f32::MIN_POSITIVE)
}

/// The identity of a model: SHA-256 over its files and its preprocessing. Written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ModelDigest([u8; 32]);

impl ModelDigest {
    /// The digest with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ModelDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ModelDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ModelDigest({self})")
    }
}

impl From<ModelDigest> for String {
    fn from(digest: ModelDigest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for ModelDigest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        text.parse()
    }
}

impl FromStr for ModelDigest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidDigest)?;
        Ok(Self(bytes))
    }
}

/// The text is not 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a model digest must be 64 hex digits")]
pub struct InvalidDigest;

/// Values that are not a valid embedding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmbeddingError {
    /// There are no values.
    #[error("an embedding needs at least one value")]
    Empty,
    /// A value is infinite or not a number.
    #[error("value {index} of the embedding is not finite")]
    NotFinite {
        /// Index of the first such value, from 0.
        index: usize,
    },
}

/// Two embeddings that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelMismatch {
    /// They were made by different models.
    #[error("the embeddings are from different models: {left} and {right}")]
    Models {
        /// The model of the first embedding.
        left: ModelDigest,
        /// The model of the second embedding.
        right: ModelDigest,
    },
    /// They claim the same model but differ in length, so one of them is damaged.
    #[error("the embeddings have different lengths: {left} and {right}")]
    Dimensions {
        /// Number of values of the first embedding.
        left: usize,
        /// Number of values of the second embedding.
        right: usize,
    },
}
