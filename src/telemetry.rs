//! Logs: one line an event, as text or JSON. Never image bytes, vectors or keys.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

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

/// Starts logging to standard error.
pub fn start(config: &LogConfig) {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&config.filter))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second start in one process, as in tests, keeps the first one's choice.
    let _ = if config.json { lines.json().flatten_event(true).try_init() } else { lines.try_init() };
}
