//! `faceql secret reset`.

use std::process::ExitCode;

use clap::Subcommand;

use super::{Fault, say};
use crate::access::database_secret;
use crate::access::database_secret::Loss;
use crate::clock::Clock;
use crate::config::Config;
use crate::store::database::Database;

/// The subcommands of `faceql secret`.
#[derive(Subcommand)]
pub(super) enum SecretTask {
    /// Replace the database's secret when it is lost for good.
    ///
    /// Without `--yes` it only reports the consequences and exits with 1. It needs exclusive access to the database:
    /// stop the server first.
    Reset {
        /// Replace the secret. This cannot be undone.
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
    let loss = database_secret::loss(database, &config.secret).await?;
    if !yes {
        tell(config, loss);
        return Ok(ExitCode::FAILURE);
    }
    database_secret::reset(database, &config.secret, Clock::system()).await?;
    let (keys, file) = (loss.keys, config.secret.file.display());
    say(&format!("the database's secret is now {file}; {keys} API keys were revoked: create new ones"));
    Ok(ExitCode::SUCCESS)
}

fn tell(config: &Config, Loss { keys, has_other_secret }: Loss) {
    let (file, database) = (config.secret.file.display(), config.database.file.display());
    let origin = if has_other_secret { "which exists already" } else { "which would be created" };
    say(&format!("{database} would use the secret {file}, {origin}. This cannot be undone:"));
    say(&format!("- {keys} API keys would be revoked, since they could no longer be recognized"));
    say("- existing links to files would become invalid");
    say("- `faceql audit verify` would report all existing entries of the audit log as changed, permanently");
    say(
        "people, faces and everything else are kept. Nothing was changed; run `faceql secret reset --yes` to proceed",
    );
}
