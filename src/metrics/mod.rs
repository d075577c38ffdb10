//! What is counted and measured, and by which names Prometheus finds it. Each part of the house is handed its own
//! metrics, and here they come together. Knows none of the parts.
//!
//! Labels are `&'static str`: nothing that a client wrote can become one, and there are no more series than the code
//! has words.

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

/// Upper bounds of times in seconds: from a cached read to the longest that a request may take by default.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// Upper bounds of times that work may wait for its turn, in seconds.
const WAITING_SECONDS: [f64; 10] = [0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];

/// Histograms by label, each made when its label is first seen.
type Histograms<Labels> = Family<Labels, Histogram, fn() -> Histogram>;

/// All metrics of one server.
pub struct Metrics {
    registry: Registry,
    gauges: Gauges,
    /// Requests, operations, sockets.
    pub edge: Arc<EdgeMetrics>,
    /// Background work.
    pub jobs: JobMetrics,
}

impl Metrics {
    /// New metrics, beside those that an engine and the client of an encoding service keep already.
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

    /// Everything in the text format of OpenMetrics 1.0, with `readings` as they are now.
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
