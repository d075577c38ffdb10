//! Checks whether the images of a container show one person by comparing each image's largest face with every other's.

use std::sync::Arc;

use entity::encoding::Model;
use vision::{Embedding, MatchDecision, ModelCard};

use super::stored_vector;

/// The comparisons of all pairs of faces and the resulting verdict.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Whether every pair is a match.
    pub same_person: bool,
    /// Each pair of faces once.
    pub pairs: Vec<Pair>,
}

/// The comparison of two faces.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Encoding of the face in the earlier image.
    pub a: Arc<Model>,
    /// Encoding of the face in the later image.
    pub b: Arc<Model>,
    /// Distance by the model's metric; smaller is more similar.
    pub distance: f32,
    /// 0 to 1; the model's threshold for matches is at 0.5.
    pub similarity: f32,
    /// Decision by the model's thresholds for verification (1:1).
    pub decision: MatchDecision,
}

/// Compares `faces`, one per image, all encoded with the model of `card`. `None` when there are fewer than two faces,
/// when some were encoded with another model, or when the model's thresholds are unknown.
#[must_use]
pub fn compare(faces: &[Arc<Model>], card: &ModelCard) -> Option<Comparison> {
    let (metric, matching) = (card.metric?, card.matching?);
    let embeddings: Vec<Embedding> = faces.iter().map(|face| embedding(face)).collect::<Option<_>>()?;
    let mut pairs = Vec::new();
    for (index, a) in embeddings.iter().enumerate() {
        for (other, b) in embeddings.iter().enumerate().skip(index + 1) {
            let distance = a.distance(b, metric).ok()?;
            pairs.push(Pair {
                a: faces[index].clone(),
                b: faces[other].clone(),
                distance,
                similarity: matching.similarity(distance),
                decision: matching.verify.decision(distance),
            });
        }
    }
    let same_person = pairs.iter().all(|pair| pair.decision == MatchDecision::Match);
    (!pairs.is_empty()).then_some(Comparison { same_person, pairs })
}

fn embedding(face: &Model) -> Option<Embedding> {
    // The values were f32 and are stored as f64, so the conversion back is lossless.
    #[expect(clippy::cast_possible_truncation, reason = "the numbers were f32 before")]
    let values = stored_vector(face).into_iter().map(|number| number as f32).collect();
    Embedding::new(face.model_digest.parse().ok()?, values).ok()
}
