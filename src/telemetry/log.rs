//! Logs: one line per event, as text or JSON, to standard error.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::settings::section;

/// Individual migration steps are too detailed for operators.
const DEFAULT_FILTER: &str = "info,sea_orm_migration=warn";

section! {
    /// What is logged, and how.
    #[derive(Clone, Debug)]
    pub struct LogConfig {
        /// Format of the log: text, or json with one object a line.
        pub json: bool = parsed("FACEQL_LOG_FORMAT", false, "text", "text or json", is_json),
        /// Events to log, for example info,faceql=debug.
        pub filter: String = parsed(
            "FACEQL_LOG",
            DEFAULT_FILTER.to_owned(),
            DEFAULT_FILTER,
            "a filter such as info,faceql=debug",
            valid_filter,
        ),
    }
}

fn is_json(format: &str) -> Option<bool> {
    match format {
        "json" => Some(true),
        "text" => Some(false),
        _ => None,
    }
}

fn valid_filter(filter: &str) -> Option<String> {
    EnvFilter::try_new(filter).ok().map(|_| filter.to_owned())
}

/// The logging layer that `config` describes.
pub(super) fn layer<S>(config: &LogConfig) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let lines = fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    let lines = if config.json { lines.json().flatten_event(true).boxed() } else { lines.boxed() };
    lines.with_filter(EnvFilter::new(&config.filter))
}
