//! `faceql audit verify` and `faceql audit head`.

use std::process::ExitCode;

use clap::Subcommand;

use super::progress::Progress;
use super::{Fault, say};
use crate::access::database_secret;
use crate::audit::{AuditLog, Head, Report};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::database::Database;

/// The subcommands of `faceql audit`.
#[derive(Subcommand)]
pub(super) enum AuditTask {
    /// Verify that no entry was changed or removed.
    ///
    /// Exits with 1 if the log was changed, and with 2 if it could not be verified. A file next to the secret shows
    /// whether the whole log was removed. Someone with the database and `FACEQL_SECRET_FILE` can forge a log, and
    /// restoring an older database restores its log. Only a head that is kept on another machine reveals that: pass it
    /// with `--head`.
    Verify {
        /// Output of an earlier `faceql audit head`. The log must still contain that entry.
        #[arg(long, value_name = "HEAD")]
        head: Option<Head>,
    },
    /// Print the head of the log: the number of the last entry and its HMAC. Keep it out of reach of this machine.
    Head,
}

pub(super) async fn run(config: &Config, task: AuditTask) -> Result<ExitCode, Fault> {
    Database::find(&config.database)?;
    let database = Database::open_beside(&config.database).await?;
    let done = with_log(&database, config, task).await;
    database.close().await;
    Ok(if done? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns whether no fault was found.
async fn with_log(database: &Database, config: &Config, task: AuditTask) -> Result<bool, Fault> {
    let secret = database_secret::secret_of(database, &config.secret).await?;
    let log = AuditLog::of_writes(database.clone(), &secret, Clock::system());
    Ok(match task {
        AuditTask::Verify { head } => verify(&log, head).await?,
        AuditTask::Head => {
            let head = log
                .head()
                .await?
                .ok_or("the end of the log was changed or removed; run `faceql audit verify`")?;
            say(&head.to_string());
            true
        }
    })
}

async fn verify(log: &AuditLog, head: Option<Head>) -> Result<bool, Fault> {
    let mut progress = Progress::new("entries", None);
    let report = log.verify(head, |seen| progress.set(seen)).await?;
    progress.finish();
    tell(&report);
    Ok(report.is_well())
}

fn tell(Report { first, last, faults, more_faults }: &Report) {
    match faults.is_empty() {
        true if last < first => say("ok   the log has no entries"),
        true => say(&format!("ok   entries {first} to {last} are unchanged")),
        false => faults.iter().for_each(|fault| say(&format!("FAIL {fault}"))),
    }
    if *more_faults > 0 {
        say(&format!("     and {more_faults} more faults"));
    }
}
