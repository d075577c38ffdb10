//! `faceql secret reset`.

use std::process::ExitCode;

use clap::Subcommand;

use super::{Fault, say};
use crate::clock::Clock;
use crate::config::Config;
use crate::database::Database;
use crate::identity::{self, Loss};

/// What to do about the server's secret.
#[derive(Subcommand)]
pub(super) enum SecretTask {
    /// Go on with another secret when the database's own is lost for good.
    ///
    /// Says what becomes void, and does it with `--yes` only. It needs the database for itself: stop the server first.
    /// Exits with 1 when nothing was done.
    Reset {
        /// Do it. It cannot be undone.
        #[arg(long)]
        yes: bool,
    },
}

pub(super) async fn run(config: &Config, task: SecretTask) -> Result<ExitCode, Fault> {
    let SecretTask::Reset { yes } = task;
    Database::find(&config.database)?;
    let database = Database::open(&config.database).await?;
    let done = reset(&database, config, yes).await;
    database.close().await;
    done
}

async fn reset(database: &Database, config: &Config, yes: bool) -> Result<ExitCode, Fault> {
    let loss = identity::loss(database, &config.secret).await?;
    if !yes {
        tell(config, loss);
        return Ok(ExitCode::FAILURE);
    }
    identity::reset(database, &config.secret, Clock::system()).await?;
    let (keys, file) = (loss.keys, config.secret.file.display());
    say(&format!("the database's secret is {file} now; {keys} API keys were revoked: make new ones"));
    Ok(ExitCode::SUCCESS)
}

fn tell(config: &Config, Loss { keys, has_other_secret }: Loss) {
    let (file, database) = (config.secret.file.display(), config.database.file.display());
    let origin = if has_other_secret { "as it is" } else { "made anew" };
    say(&format!("{database} would go on with the secret {file}, {origin}. This cannot be undone:"));
    say(&format!("- {keys} API keys would be revoked, since nobody can be recognised by them any more"));
    say("- no link to a file that was given out would be valid any more");
    say(
        "- all entries of the audit log would count as changed, and `faceql audit verify` would say so for ever",
    );
    say("people, faces and everything else stay. Nothing was done: `faceql secret reset --yes` does it");
}
