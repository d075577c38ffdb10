//! `faceql keys create`, `list` and `revoke`.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use entity::api_key;
use entity::ids::ApiKeyId;

use super::tenant::TenantArgs;
use super::time::later;
use super::{Fault, remark, say, write};
use crate::caller::{ANONYMOUS_TENANT, Scopes};
use crate::clock::Clock;
use crate::config::Config;
use crate::database::Database;
use crate::identity;
use crate::keys::{KeyError, Keys, MAX_LABEL_BYTES, NewKey};
use crate::type_id;

/// What to do about keys.
#[derive(Subcommand)]
pub(super) enum KeysTask {
    /// Make a key and print it: it is shown this once, and stored in no form that it could be read from.
    ///
    /// From the first key on the server asks everybody for one.
    Create(CreateArgs),
    /// List all keys: what they let do, for whom, until when, and when they were last used.
    List,
    /// Revoke a key: within seconds it lets in no more, and its open sockets are closed.
    Revoke {
        /// The key's id, as `list` shows it.
        #[arg(value_name = "ID", value_parser = key_id)]
        id: ApiKeyId,
    },
}

#[derive(Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    tenant: TenantArgs,
    /// What it lets do: read, write and admin, joined by +.
    #[arg(long, default_value_t = Scopes::TENANT)]
    scopes: Scopes,
    /// What it is for, for people.
    #[arg(long, default_value = "", value_parser = label)]
    label: String,
    /// From when on it lets in no more, as in 2027-01-31T12:00:00Z; without, it lets in until it is revoked.
    #[arg(long, value_name = "TIME", value_parser = later)]
    expires_at: Option<DateTime<Utc>>,
}

pub(super) async fn run(config: &Config, task: KeysTask) -> Result<(), Fault> {
    if !matches!(task, KeysTask::Create(_)) {
        Database::find(&config.database)?;
    }
    let database = Database::open_beside(&config.database).await?;
    let done = with_keys(&database, config, task).await;
    database.close().await;
    done
}

async fn with_keys(database: &Database, config: &Config, task: KeysTask) -> Result<(), Fault> {
    let secret = identity::secret_of(database, &config.secret).await?;
    carry_out(&Keys::new(database.clone(), &secret, Clock::system()), config, task).await
}

async fn carry_out(keys: &Keys, config: &Config, task: KeysTask) -> Result<(), Fault> {
    match task {
        KeysTask::Create(CreateArgs { tenant, scopes, label, expires_at }) => {
            let new = NewKey { tenant: tenant.tenant, label, scopes, expires_at };
            let is_first = keys.list().await?.is_empty();
            let (id, key) = keys.create(new).await?;
            let (id, file) = (type_id::show(id), config.database.file.display());
            // The key alone on standard output, so that it can be piped to where it is kept.
            write(&key).map_err(|error| {
                format!(
                    "{id} was made but could not be shown ({error}): revoke it by `faceql keys revoke {id}`"
                )
            })?;
            remark(&format!("made {id} in {file}: keep the key above, it is shown this once"));
            if is_first {
                remark(&format!(
                    "from now on the server asks everybody for a key; what was made without one belongs to the tenant \
                     {ANONYMOUS_TENANT}: `--tenant {ANONYMOUS_TENANT}` makes a key for it"
                ));
            }
        }
        KeysTask::List => keys.list().await?.iter().for_each(|key| say(&line(key, Clock::system().now()))),
        KeysTask::Revoke { id } => {
            keys.revoke(id).await.map_err(|error| match error {
                KeyError::NotFound => error.to_string(),
                _ => format!("{} was NOT revoked and still lets in: {error}", type_id::show(id)),
            })?;
            say(&format!("{} lets in no more", type_id::show(id)));
        }
    }
    Ok(())
}

fn line(key: &api_key::Model, now: DateTime<Utc>) -> String {
    let api_key::Model { id, tenant, scopes, label, expires_at, revoked_at, last_used_at, .. } = key;
    let minute = |time: &DateTime<Utc>| time.format("%Y-%m-%d %H:%M").to_string();
    let state = match (revoked_at, expires_at) {
        (Some(since), _) => format!("revoked {}", minute(since)),
        (None, Some(end)) if *end <= now => format!("expired {}", minute(end)),
        (None, Some(end)) => format!("until {}", minute(end)),
        (None, None) => "valid".into(),
    };
    let used =
        last_used_at.as_ref().map_or_else(|| "never used".into(), |time| format!("used {}", minute(time)));
    format!("{}  {tenant}  {scopes}  {state}  {used}  {label}", type_id::show(*id)).trim_end().into()
}

fn key_id(text: &str) -> Result<ApiKeyId, String> {
    type_id::parse(text).ok_or_else(|| "not the id of a key: `faceql keys list` shows them".into())
}

fn label(text: &str) -> Result<String, String> {
    let fits = text.len() <= MAX_LABEL_BYTES && !text.chars().any(char::is_control);
    fits.then(|| text.into())
        .ok_or_else(|| format!("a label has at most {MAX_LABEL_BYTES} bytes, on one line"))
}
