//! Metrics of the embedded engine and of the encoding service's client.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{Histograms, seconds, waiting_seconds};

/// Upper bounds of images per batch.
const IMAGES: [f64; 4] = [1.0, 2.0, 3.0, 4.0];

/// Metrics of an engine. Clones share them.
#[derive(Clone)]
pub struct EngineMetrics {
    step_duration: Histograms<OfStep>,
    wait: Histograms<OfUrgency>,
    batch: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStep {
    step: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfUrgency {
    urgency: &'static str,
}

/// A step of the engine's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Decoding an image.
    Decode,
    /// Detecting, assessing and aligning the faces of one image.
    Detect,
    /// Encoding all faces of a batch.
    Encode,
    /// Drawing the faces into a copy of the image.
    Annotate,
}

impl Step {
    /// Name in metrics and traces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Detect => "detect",
            Self::Encode => "encode",
            Self::Annotate => "annotate",
        }
    }
}

impl EngineMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "engine_step_duration",
            "Time that an engine thread takes for one step: decode, detect and annotate an image, encode a batch",
            Unit::Seconds,
            self.step_duration.clone(),
        );
        registry.register_with_unit(
            "engine_wait",
            "Time that an image waited for an engine thread",
            Unit::Seconds,
            self.wait.clone(),
        );
        registry.register(
            "engine_batch_images",
            "Images that an engine thread processes in one batch",
            self.batch.clone(),
        );
    }

    /// Records the duration of a step.
    pub fn did(&self, step: Step, took: Duration) {
        self.step_duration.get_or_create(&OfStep { step: step.name() }).observe(took.as_secs_f64());
    }

    /// Records how long an image waited for a thread.
    pub fn waited(&self, urgency: &'static str, time: Duration) {
        self.wait.get_or_create(&OfUrgency { urgency }).observe(time.as_secs_f64());
    }

    /// Records the number of images in a batch.
    pub fn took_together(&self, pictures: usize) {
        // Batches are small.
        self.batch.observe(f64::from(u16::try_from(pictures).unwrap_or(u16::MAX)));
    }
}

impl Default for EngineMetrics {
    fn default() -> Self {
        Self { step_duration: seconds(), wait: waiting_seconds(), batch: Histogram::new(IMAGES) }
    }
}

/// Metrics of the encoding service's client. Clones share them.
#[derive(Clone)]
pub struct ServiceMetrics {
    duration: Histograms<Ended>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: &'static str,
}

impl ServiceMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "encoding_service_duration",
            "Time until the encoding service responded",
            Unit::Seconds,
            self.duration.clone(),
        );
    }

    /// Records the end of a request to the service.
    pub fn asked(&self, outcome: &'static str, took: Duration) {
        self.duration.get_or_create(&Ended { outcome }).observe(took.as_secs_f64());
    }
}

impl Default for ServiceMetrics {
    fn default() -> Self {
        Self { duration: seconds() }
    }
}
