//! Models as clients see them.

use std::sync::Arc;

use async_graphql::{Enum, Object};
use vision::ModelCard;

use crate::decimal::widen;

/// A model that finds faces or turns them into vectors.
pub(super) struct Model(pub(super) Arc<ModelCard>);

/// A model that finds faces or turns them into vectors.
#[Object]
impl Model {
    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its version, as its pack calls it.
    async fn version(&self) -> &str {
        &self.0.version
    }

    /// What it does.
    async fn role(&self) -> ModelRole {
        self.0.role.into()
    }

    /// SHA-256 over the model's files and its preprocessing; vectors of different digests never meet.
    async fn digest(&self) -> String {
        self.0.digest.to_string()
    }

    /// How many numbers its vectors have; null for a detector.
    async fn dimensions(&self) -> Option<u32> {
        self.0.dimensions
    }

    /// How its vectors are compared; null for a detector, or when it is not known.
    async fn metric(&self) -> Option<Metric> {
        self.0.metric.map(Metric::from)
    }

    /// Up to this distance two faces are the same person (MATCH); null when it is not known.
    async fn match_threshold(&self) -> Option<f64> {
        self.0.matching.map(|matching| widen(matching.verify.matched))
    }

    /// Up to this distance two faces may be the same person (POSSIBLE); null when it is not known.
    async fn possible_threshold(&self) -> Option<f64> {
        self.0.matching.map(|matching| widen(matching.verify.possible))
    }

    /// Licence of the weights.
    async fn license(&self) -> &str {
        &self.0.license
    }

    /// What is known of the data the weights were trained on.
    async fn training_data(&self) -> Option<&str> {
        self.0.training_data.as_deref()
    }
}

/// What a model does.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "vision::ModelRole")]
pub(super) enum ModelRole {
    /// Finds faces.
    Detector,
    /// Turns faces into vectors.
    Encoder,
}

/// How vectors are compared.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "vision::Metric")]
pub(super) enum Metric {
    /// Length of the difference.
    Euclidean,
    /// One minus the cosine of the angle.
    Cosine,
}
