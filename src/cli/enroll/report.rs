//! What was refused and why: a line each for people, an object each for programs, and what came of it all.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use futures_util::{Stream, StreamExt};
use serde::Serialize;

use crate::cli::progress::Progress;

/// A picture, a person or a part of the list that was not taken.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refusal {
    pub(super) external_id: Option<String>,
    pub(super) path: Option<String>,
    /// The API's code where it has one.
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// What came of a person.
#[derive(Default)]
pub(super) struct Outcome {
    /// Pictures that were taken now.
    pub(super) taken: usize,
    /// Pictures that were taken before.
    pub(super) known: usize,
    pub(super) refused: Vec<Refusal>,
    /// Whether it was our fault, and others may not fare better.
    pub(super) broken: bool,
}

/// Tells of everything as it comes, so that nothing is lost when the command is broken off.
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
    /// A report on so many `listed` people, with a file for programs if one is wanted.
    pub(super) fn new(file: Option<&Path>, listed: usize) -> Result<Self, String> {
        let create =
            |path: &Path| File::create(path).map_err(|error| format!("--report {}: {error}", path.display()));
        let (file, progress) = (file.map(create).transpose()?, Progress::new("people", Some(listed as u64)));
        Ok(Self { file, progress, listed, people: 0, taken: 0, known: 0, refused: 0 })
    }

    /// Notes what came of people, one after the other, and gives up after `most` failures of ours in a row.
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
                return Err(format!("{most} people failed in a row, and not by their pictures; see the log"));
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

    /// Notes something that was refused.
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

    /// Ends with the counts. Returns whether all were taken.
    pub(super) fn finish(self) -> bool {
        let Self { progress, listed, people, taken, known, refused, .. } = self;
        progress.finish();
        let say = crate::cli::say;
        say(&format!(
            "{people} people: {taken} pictures enrolled, {known} enrolled before, {refused} refused"
        ));
        let left = listed - people;
        if left > 0 {
            say(&format!("stopped with {left} people to go; the same command goes on from here"));
        }
        refused == 0 && left == 0
    }
}
