//! The schema type Model.

use std::sync::Arc;

use async_graphql::{Enum, Object};
use vision::ModelCard;

use crate::inference::decimal::widen;

/// A model that detects faces, or encodes them as vectors.
pub(in crate::graphql) struct Model(pub(in crate::graphql) Arc<ModelCard>);

/// A model that detects faces, or encodes them as vectors.
#[Object]
impl Model {
    /// Name of the model, such as `dlib-resnet-v1`.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Version of the model, as given by its model pack.
    async fn version(&self) -> &str {
        &self.0.version
    }

    /// Task of the model.
    async fn role(&self) -> ModelRole {
        self.0.role.into()
    }

    /// SHA-256 over the model's files and preprocessing, in hexadecimal. Only vectors of the same digest are compared.
    async fn digest(&self) -> String {
        self.0.digest.to_string()
    }

    /// Number of values in the model's vectors; null for a detector.
    async fn dimensions(&self) -> Option<u32> {
        self.0.dimensions
    }

    /// Metric by which vectors are compared; null for a detector, or if unknown.
    async fn metric(&self) -> Option<Metric> {
        self.0.metric.map(Metric::from)
    }

    /// Maximum distance for the decision MATCH in a 1:1 comparison; null for a detector, or if unknown.
    async fn match_threshold(&self) -> Option<f64> {
        self.0.matching.map(|matching| widen(matching.verify.matched))
    }

    /// Maximum distance for the decision POSSIBLE in a 1:1 comparison; null for a detector, or if unknown.
    async fn possible_threshold(&self) -> Option<f64> {
        self.0.matching.map(|matching| widen(matching.verify.possible))
    }

    /// License of the model's weights, as an SPDX expression where there is one.
    async fn license(&self) -> &str {
        &self.0.license
    }

    /// Description of the data that the weights were trained on; null if unknown.
    async fn training_data(&self) -> Option<&str> {
        self.0.training_data.as_deref()
    }
}

/// Task of a model.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "vision::ModelRole")]
pub(in crate::graphql) enum ModelRole {
    /// Detects faces and their landmarks.
    Detector,
    /// Encodes faces as vectors.
    Encoder,
}

/// Metric by which vectors are compared.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "vision::Metric")]
pub(in crate::graphql) enum Metric {
    /// Euclidean distance: the length of the difference.
    Euclidean,
    /// Cosine distance: one minus the cosine of the angle, 0 to 2.
    Cosine,
}
