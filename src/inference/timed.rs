//! Wraps an engine to measure and trace its steps.

use std::time::Instant;

use tracing::debug_span;
use vision::{
    Chip, DetectOptions, DetectedFace, Embedding, EngineError, FaceEngine, Landmarks, ModelCard, Picture,
};

use crate::metrics::{EngineMetrics, Step};
use crate::telemetry::TRACED;

/// Delegates to the inner engine and records the duration of each step.
pub(super) struct TimedEngine {
    pub(super) engine: Box<dyn FaceEngine>,
    pub(super) metrics: EngineMetrics,
}

impl FaceEngine for TimedEngine {
    fn detector(&self) -> &ModelCard {
        self.engine.detector()
    }

    fn encoder(&self) -> &ModelCard {
        self.engine.encoder()
    }

    fn detect(
        &mut self,
        picture: &Picture,
        options: &DetectOptions,
    ) -> Result<Vec<DetectedFace>, EngineError> {
        timed(&self.metrics, Step::Detect, || self.engine.detect(picture, options))
    }

    fn align(&self, picture: &Picture, landmarks: &Landmarks) -> Chip {
        self.engine.align(picture, landmarks)
    }

    fn encode(&mut self, chips: &[Chip]) -> Result<Vec<Embedding>, EngineError> {
        if chips.is_empty() {
            return self.engine.encode(chips);
        }
        timed(&self.metrics, Step::Encode, || self.engine.encode(chips))
    }

    fn detect_chips(
        &mut self,
        picture: &Picture,
        options: &DetectOptions,
    ) -> Result<Vec<(DetectedFace, Chip)>, EngineError> {
        timed(&self.metrics, Step::Detect, || self.engine.detect_chips(picture, options))
    }
}

/// Runs `work` as a step in the current span.
pub(super) fn timed<T>(metrics: &EngineMetrics, step: Step, work: impl FnOnce() -> T) -> T {
    let _span = debug_span!(target: TRACED, "step", otel.name = step.name()).entered();
    let start = Instant::now();
    let done = work();
    metrics.did(step, start.elapsed());
    done
}
