//! The embedded engine, and the client of an encoding service.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{Histograms, seconds, waiting_seconds};

/// Upper bounds of images in a batch.
const IMAGES: [f64; 4] = [1.0, 2.0, 3.0, 4.0];

/// What an engine counts. Cloning shares it.
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

/// A part of the engine's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes to picture.
    Decode,
    /// The faces of one picture, judged and cut out.
    Detect,
    /// The vectors of all faces of a batch.
    Encode,
    /// Faces drawn into a copy.
    Annotate,
}

impl Step {
    /// As metrics and traces have it.
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
            "Time of an engine thread for one step: decode, detect and annotate of a picture, encode of a batch",
            Unit::Seconds,
            self.step_duration.clone(),
        );
        registry.register_with_unit(
            "engine_wait",
            "Time that a picture waited for an engine thread",
            Unit::Seconds,
            self.wait.clone(),
        );
        registry.register(
            "engine_batch_images",
            "Pictures that an engine thread took at once",
            self.batch.clone(),
        );
    }

    /// A step took so long.
    pub fn did(&self, step: Step, took: Duration) {
        self.step_duration.get_or_create(&OfStep { step: step.name() }).observe(took.as_secs_f64());
    }

    /// A picture waited so long for a thread.
    pub fn waited(&self, urgency: &'static str, time: Duration) {
        self.wait.get_or_create(&OfUrgency { urgency }).observe(time.as_secs_f64());
    }

    /// A thread took so many pictures at once.
    pub fn took_together(&self, pictures: usize) {
        // A batch is small.
        self.batch.observe(f64::from(u16::try_from(pictures).unwrap_or(u16::MAX)));
    }
}

impl Default for EngineMetrics {
    fn default() -> Self {
        Self { step_duration: seconds(), wait: waiting_seconds(), batch: Histogram::new(IMAGES) }
    }
}

/// What the client of an encoding service counts. Cloning shares it.
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
            "Time until the encoding service answered",
            Unit::Seconds,
            self.duration.clone(),
        );
    }

    /// A request to the service ended.
    pub fn asked(&self, outcome: &'static str, took: Duration) {
        self.duration.get_or_create(&Ended { outcome }).observe(took.as_secs_f64());
    }
}

impl Default for ServiceMetrics {
    fn default() -> Self {
        Self { duration: seconds() }
    }
}
