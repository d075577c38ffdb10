//! Telemetry: log lines, and traces if a collector is configured. Contains no image bytes, vectors, names or keys.

mod log;
mod traces;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt;

pub use log::LogConfig;
pub use traces::{
    TRACED, TracesConfig, TracesError, continue_trace, continue_trace_of, trace_headers, traceparent,
};

use traces::Traces;

/// The running telemetry. It must be stopped; otherwise the last traces are lost.
pub struct Telemetry {
    traces: Option<Traces>,
}

/// Starts logging, and tracing if `traces` names a collector.
///
/// # Errors
/// When the client for sending traces cannot be created.
pub fn start(log: &LogConfig, traces: Option<&TracesConfig>) -> Result<Telemetry, TracesError> {
    let traces = traces.map(Traces::start).transpose()?.flatten();
    let subscriber = registry().with(log::layer(log)).with(traces.as_ref().map(Traces::layer));
    // A second start in one process, as in tests, keeps the first configuration.
    let _ = subscriber.try_init();
    Ok(Telemetry { traces })
}

impl Telemetry {
    /// Sends the remaining traces, within a few seconds.
    pub async fn stop(self) {
        if let Some(traces) = self.traces {
            traces.stop().await;
        }
    }
}
