//! Progress of a command: a bar on a terminal, otherwise a line every ten seconds.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Interval between progress lines where standard error is not a terminal.
const INTERVAL: Duration = Duration::from_secs(10);

/// Shown on standard error, so that standard output contains only results.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    told: Instant,
    total: Option<u64>,
    what: &'static str,
}

impl Progress {
    /// Progress of `total` items, if that is known. `what` names the items in the plural.
    pub(super) fn new(what: &'static str, total: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
            let template = match total {
                Some(_) => "{wide_bar} {pos}/{len} {msg}, {eta} to go",
                None => "{spinner} {pos} {msg}, {elapsed}",
            };
            // The templates are constants; if one were invalid, the default bar is shown.
            let style = ProgressStyle::with_template(template);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.with_message(what)
        });
        Self { bar, told: Instant::now(), total, what }
    }

    /// Sets the number of items done.
    pub(super) fn set(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        } else if self.told.elapsed() >= INTERVAL {
            self.told = Instant::now();
            super::remark(&match self.total {
                Some(total) => format!("{done} of {total} {}", self.what),
                None => format!("{done} {}", self.what),
            });
        }
    }

    /// Prints a result without interfering with the bar.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| super::say(line)),
            None => super::say(line),
        }
    }

    /// Removes the bar.
    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
