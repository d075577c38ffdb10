//! `faceql audit verify` and `faceql audit head`.

use std::process::ExitCode;

use clap::Subcommand;

use super::progress::Progress;
use super::{Fault, say};
use crate::audit::{AuditLog, Head, Report};
use crate::clock::Clock;
use crate::config::Config;
use crate::database::Database;
use crate::identity;

/// What to do with the audit log.
#[derive(Subcommand)]
pub(super) enum AuditTask {
    /// See that every entry is as it was written, and that none is missing.
    ///
    /// Exits with 1 when not, and with 2 when that cannot be told. That all of it was removed is seen by a file beside the
    /// secret. Who has the database and `FACEQL_SECRET_FILE` can write
    /// a log of their own, and who puts back an older database brings back its log: only a head that was kept elsewhere
    /// shows that.
    Verify {
        /// What `faceql audit head` printed earlier: the log must still hold what it held then.
        #[arg(long, value_name = "HEAD")]
        head: Option<Head>,
    },
    /// Print the end of the log: the number of the last entry, and its HMAC. Keep it where this machine cannot change it.
    Head,
}

pub(super) async fn run(config: &Config, task: AuditTask) -> Result<ExitCode, Fault> {
    Database::find(&config.database)?;
    let database = Database::open_beside(&config.database).await?;
    let done = with_log(&database, config, task).await;
    database.close().await;
    Ok(if done? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether all is well.
async fn with_log(database: &Database, config: &Config, task: AuditTask) -> Result<bool, Fault> {
    let secret = identity::secret_of(database, &config.secret).await?;
    let log = AuditLog::of_writes(database.clone(), &secret, Clock::system());
    Ok(match task {
        AuditTask::Verify { head } => verify(&log, head).await?,
        AuditTask::Head => {
            let head = log
                .head()
                .await?
                .ok_or("the log or its end was changed or removed: see `faceql audit verify`")?;
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
        true if last < first => say("well     the log has no entry"),
        true => say(&format!("well     the entries {first} to {last} are as they were written")),
        false => faults.iter().for_each(|fault| say(&format!("NOT WELL {fault}"))),
    }
    if *more_faults > 0 {
        say(&format!("         and {more_faults} faults more"));
    }
}
