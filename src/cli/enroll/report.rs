//! Reports refused images and people, as lines for operators and as JSON for programs, and a summary.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use futures_util::{Stream, StreamExt};
use serde::Serialize;

use crate::cli::progress::Progress;

/// An image, a person or a part of the list that was refused.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refusal {
    pub(super) external_id: Option<String>,
    pub(super) path: Option<String>,
    /// The API's error code, or `NO_PERSON` or `UNREADABLE`.
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// The result of enrolling a person.
#[derive(Default)]
pub(super) struct Outcome {
    /// Images that were enrolled now.
    pub(super) taken: usize,
    /// Images that had been enrolled before.
    pub(super) known: usize,
    pub(super) refused: Vec<Refusal>,
    /// Whether it failed for an internal reason, which may affect others too.
    pub(super) broken: bool,
}

/// Reports each result immediately, so that none is lost if the command is killed.
pub(super) struct Report {
    file: Option<File>,
    progress: Progress,
    listed: usize,
    people: usize,
    taken: usize,
    known: usize,
    refused: usize,
}

impl Report {
    /// A report on `listed` people, with a JSON file if one is requested.
    pub(super) fn new(file: Option<&Path>, listed: usize) -> Result<Self, String> {
        let create =
            |path: &Path| File::create(path).map_err(|error| format!("--report {}: {error}", path.display()));
        let (file, progress) = (file.map(create).transpose()?, Progress::new("people", Some(listed as u64)));
        Ok(Self { file, progress, listed, people: 0, taken: 0, known: 0, refused: 0 })
    }

    /// Reports outcomes as they arrive and gives up after `most` consecutive internal failures.
    pub(super) async fn note_all(
        &mut self,
        outcomes: impl Stream<Item = Outcome>,
        most: usize,
    ) -> Result<(), String> {
        let (mut outcomes, mut failures) = (std::pin::pin!(outcomes), 0);
        while let Some(outcome) = outcomes.next().await {
            failures = if outcome.broken { failures + 1 } else { 0 };
            self.note(&outcome).map_err(|error| format!("--report: {error}"))?;
            if failures == most {
                return Err(format!("{most} people in a row failed for internal reasons; see the log"));
            }
        }
        Ok(())
    }

    fn note(&mut self, outcome: &Outcome) -> std::io::Result<()> {
        self.people += 1;
        self.taken += outcome.taken;
        self.known += outcome.known;
        outcome.refused.iter().try_for_each(|refusal| self.refuse(refusal))?;
        self.progress.set(self.people as u64);
        Ok(())
    }

    /// Reports a refusal.
    pub(super) fn refuse(&mut self, refusal: &Refusal) -> std::io::Result<()> {
        self.refused += 1;
        let what = refusal.path.as_deref().or(refusal.external_id.as_deref()).unwrap_or_default();
        self.progress.say(&format!("refused {what}: {} ({})", refusal.message, refusal.code));
        if let Some(file) = &mut self.file {
            let mut line = serde_json::to_vec(refusal)?;
            line.push(b'\n');
            file.write_all(&line)?;
        }
        Ok(())
    }

    /// Prints the summary. Returns whether all images were enrolled.
    pub(super) fn finish(self) -> bool {
        let Self { progress, listed, people, taken, known, refused, .. } = self;
        progress.finish();
        let say = crate::cli::say;
        say(&format!("{people} people: {taken} images enrolled, {known} enrolled before, {refused} refused"));
        let left = listed - people;
        if left > 0 {
            say(&format!("stopped with {left} people left; run the same command again to continue"));
        }
        refused == 0 && left == 0
    }
}
