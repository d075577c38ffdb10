//! Do the images of a container show one person? Each image's largest face against every other image's.

use std::sync::Arc;

use entity::encoding::Model;
use vision::{Embedding, MatchDecision, ModelCard};

use super::stored_vector;

/// All pairs of faces, and what follows from them.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Whether every pair is a match.
    pub same_person: bool,
    /// Each pair once.
    pub pairs: Vec<Pair>,
}

/// Two faces compared.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The face of the earlier image.
    pub a: Arc<Model>,
    /// The face of the later image.
    pub b: Arc<Model>,
    /// By the model's own metric; smaller is more alike.
    pub distance: f32,
    /// 0 to 1, with the model's match threshold at 0.5.
    pub similarity: f32,
    /// By the model's thresholds for one to one.
    pub decision: MatchDecision,
}

/// Compares `faces`, one an image, all of the model on `card`. `None` when there are fewer than two, when they
/// are not all of that model, or when nothing is known of the model's thresholds.
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
    // A vector's f32 are kept as f64; nothing is lost on the way back.
    #[expect(clippy::cast_possible_truncation, reason = "the numbers were f32 before")]
    let values = stored_vector(face).into_iter().map(|number| number as f32).collect();
    Embedding::new(face.model_digest.parse().ok()?, values).ok()
}
