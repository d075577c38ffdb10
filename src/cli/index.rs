//! `faceql index check` and `faceql index rebuild`.

use std::process::ExitCode;
use std::time::Instant;

use clap::Subcommand;

use super::progress::Progress;
use super::{Fault, say, stored_people};
use crate::config::Config;
use crate::people::{IndexReport, NameCollisions, TemplateCount};

/// The subcommands of `faceql index`.
#[derive(Subcommand)]
pub(super) enum IndexTask {
    /// Check that every stored vector is intact and that an index built from the vectors finds it.
    ///
    /// Exits with 1 if not, and with 2 if the check could not be carried out.
    Check {
        /// Maximum number of faces to search for, evenly spread. All others are only counted.
        #[arg(long, value_name = "FACES", default_value_t = 10_000)]
        sample: usize,
    },
    /// Build the index from the database and report how long it takes and how many vectors are damaged.
    ///
    /// The result is not stored: a server builds its index at each start, so a restart is enough to rebuild it.
    Rebuild,
}

/// The index exists in memory only, so both subcommands build one first.
pub(super) async fn run(config: &Config, task: IndexTask) -> Result<ExitCode, Fault> {
    let people = stored_people(config).await?;
    let start = Instant::now();
    let loaded = people.load().await?;
    let took = start.elapsed().as_secs_f64();
    let well = match task {
        IndexTask::Check { sample } => {
            let mut progress = Progress::new("faces searched for", None);
            let report = people.check_index(sample, |searched| progress.set(searched as u64)).await?;
            progress.finish();
            tell(&report);
            tell_collisions(&NameCollisions::read(people.database.reader()).await?);
            report.is_well()
        }
        IndexTask::Rebuild => {
            say(&format!("built with {} faces in {took:.1} s, {} damaged", loaded.faces, loaded.damaged));
            say("the index is not stored: a server builds it from the database at each start");
            loaded.damaged == 0
        }
    };
    people.database.close().await;
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(report: &IndexReport) {
    for count in &report.templates {
        let TemplateCount { tenant, gallery, model, at_work, stored, damaged, indexed } = count;
        let model = model.get(..12).unwrap_or(model);
        let state = if *at_work {
            format!("{damaged} damaged, {indexed} in the index")
        } else {
            "of a model that is not in use: these faces are not searched".into()
        };
        let verdict = verdict(count.is_well());
        say(&format!("{verdict} {tenant}/{gallery}, model {model}: {stored} templates, {state}"));
    }
    let (searched, lost) = (report.searched, report.lost.len());
    let verdict = verdict(report.lost.is_empty());
    say(&format!("{verdict} {searched} faces searched for by their own vectors, {lost} not found"));
    for face in report.lost.iter().take(20) {
        say(&format!("     not found: face {face}"));
    }
}

/// Collisions are no fault of the index, which keeps the galleries separate.
fn tell_collisions(collisions: &NameCollisions) {
    collisions.sentences().for_each(|sentence| say(&format!("note {sentence}")));
    if !collisions.is_empty() {
        say(&format!("note {}", NameCollisions::REMEDY));
    }
}

fn verdict(well: bool) -> &'static str {
    if well { "ok  " } else { "FAIL" }
}
