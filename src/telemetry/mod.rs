//! What the process tells of itself while it works: lines of its log, and traces when a collector is named. Never image
//! bytes, vectors, names or keys.

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

/// What was started; it has to be stopped, or the last traces are lost.
pub struct Telemetry {
    traces: Option<Traces>,
}

/// Starts logging, and tracing when `traces` names a collector.
///
/// # Errors
/// When the client that sends traces cannot be made.
pub fn start(log: &LogConfig, traces: Option<&TracesConfig>) -> Result<Telemetry, TracesError> {
    let traces = traces.map(Traces::start).transpose()?.flatten();
    let subscriber = registry().with(log::layer(log)).with(traces.as_ref().map(Traces::layer));
    // A second start in one process, as in tests, keeps the first one's choice.
    let _ = subscriber.try_init();
    Ok(Telemetry { traces })
}

impl Telemetry {
    /// Sends what has not been sent yet, within a few seconds.
    pub async fn stop(self) {
        if let Some(traces) = self.traces {
            traces.stop().await;
        }
    }
}
