//! Metrics and their names in Prometheus. Each subsystem gets its own metrics, and this module combines them.
//! Independent of the subsystems.
//!
//! Labels are `&'static str`, so that text from clients cannot become a label and the number of series is bounded.

mod edge;
mod engine;
mod jobs;
mod readings;

use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use edge::{EdgeMetrics, Open, Transport};
pub use engine::{EngineMetrics, ServiceMetrics, Step};
pub use jobs::{AttemptEnd, JobMetrics};
pub use readings::{JobCount, Readings};

use readings::Gauges;

/// Upper bounds of durations in seconds: from a cached read to the default maximum duration of a request.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// Upper bounds of waiting times in seconds.
const WAITING_SECONDS: [f64; 10] = [0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];

/// Histograms by label, each created when its label is first used.
type Histograms<Labels> = Family<Labels, Histogram, fn() -> Histogram>;

/// All metrics of one server.
pub struct Metrics {
    registry: Registry,
    gauges: Gauges,
    /// Requests, operations and WebSockets.
    pub edge: Arc<EdgeMetrics>,
    /// Background work.
    pub jobs: JobMetrics,
}

impl Metrics {
    /// New metrics, combined with those of the engine and the encoding service's client.
    #[must_use]
    pub fn new(engine: &EngineMetrics, service: Option<&ServiceMetrics>) -> Self {
        let mut registry = Registry::default();
        let (edge, jobs, gauges) = (Arc::new(EdgeMetrics::new()), JobMetrics::new(), Gauges::default());
        gauges.register_process(&mut registry);
        let own = registry.sub_registry_with_prefix("faceql");
        own.register("build", "The running version", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        edge.register(own);
        jobs.register(own);
        engine.register(own);
        if let Some(service) = service {
            service.register(own);
        }
        gauges.register(own);
        Self { registry, gauges, edge, jobs }
    }

    /// All metrics in the text format of OpenMetrics 1.0, with the current `readings`.
    #[must_use]
    pub fn render(&self, readings: &Readings) -> String {
        self.gauges.set(readings);
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Histograms of times in seconds, by label.
fn seconds<Labels: Clone + std::hash::Hash + Eq>() -> Histograms<Labels> {
    Family::new_with_constructor(|| Histogram::new(SECONDS))
}

/// Histograms of waiting times in seconds, by label.
fn waiting_seconds<Labels: Clone + std::hash::Hash + Eq>() -> Histograms<Labels> {
    Family::new_with_constructor(|| Histogram::new(WAITING_SECONDS))
}
