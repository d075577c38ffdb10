//! Logs: one line an event, as text or JSON, to standard error.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::{Setting, Settings};

/// Every step of a migration is more than an operator wants to read.
const DEFAULT_FILTER: &str = "info,sea_orm_migration=warn";

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// As JSON, one object a line.
    pub json: bool,
    /// Which events, as in `info,faceql=debug`.
    pub filter: String,
}

impl LogConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let format = Setting { name: "FACEQL_LOG_FORMAT", about: "text or json." };
        let filter =
            Setting { name: "FACEQL_LOG", about: "Which events are logged, for example info,faceql=debug." };
        let is_json = |text: &str| match text {
            "json" => Some(true),
            "text" => Some(false),
            _ => None,
        };
        let valid = |text: &str| EnvFilter::try_new(text).ok().map(|_| text.to_owned());
        Self {
            json: settings.parsed(format, false, "text", "text or json", is_json),
            filter: settings.parsed(
                filter,
                DEFAULT_FILTER.into(),
                DEFAULT_FILTER,
                "a filter such as info,faceql=debug",
                valid,
            ),
        }
    }
}

/// Writes the events that `config` asks for.
pub(super) fn layer<S>(config: &LogConfig) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let lines = fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    let lines = if config.json { lines.json().flatten_event(true).boxed() } else { lines.boxed() };
    lines.with_filter(EnvFilter::new(&config.filter))
}
