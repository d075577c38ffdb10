//! `faceql keys create`, `list` and `revoke`.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use entity::api_key;
use entity::ids::ApiKeyId;

use super::tenant::TenantArgs;
use super::time::later;
use super::{Fault, remark, say, write};
use crate::access::caller::{ANONYMOUS_TENANT, Scopes};
use crate::access::database_secret;
use crate::access::keys::{KeyError, Keys, MAX_LABEL_BYTES, NewKey};
use crate::clock::Clock;
use crate::config::Config;
use crate::ids;
use crate::store::database::Database;

/// The subcommands of `faceql keys`.
#[derive(Subcommand)]
pub(super) enum KeysTask {
    /// Create a key and print it. It is shown only once and cannot be recovered.
    ///
    /// Once a key exists, the server requires one for every request.
    Create(CreateArgs),
    /// List all keys with tenant, scopes, validity, last use and label.
    List,
    /// Revoke a key. Within seconds it is rejected and its open sockets are closed.
    Revoke {
        /// The key's id, as printed by `faceql keys list`.
        #[arg(value_name = "ID", value_parser = key_id)]
        id: ApiKeyId,
    },
}

#[derive(Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    tenant: TenantArgs,
    /// Scopes of the key: read, write and admin, joined by +.
    #[arg(long, default_value_t = Scopes::TENANT)]
    scopes: Scopes,
    /// Description of the key, shown by `faceql keys list`.
    #[arg(long, default_value = "", value_parser = label)]
    label: String,
    /// Time at which the key expires, such as 2027-01-31T12:00:00Z; by default it is valid until it is revoked.
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
    let secret = database_secret::secret_of(database, &config.secret).await?;
    carry_out(&Keys::new(database.clone(), &secret, Clock::system()), config, task).await
}

async fn carry_out(keys: &Keys, config: &Config, task: KeysTask) -> Result<(), Fault> {
    match task {
        KeysTask::Create(CreateArgs { tenant, scopes, label, expires_at }) => {
            let new = NewKey { tenant: tenant.tenant, label, scopes, expires_at };
            let is_first = keys.list().await?.is_empty();
            let (id, key) = keys.create(new).await?;
            let (id, file) = (ids::show(id), config.database.file.display());
            // Only the key goes to standard output, so that it can be piped into a secret store.
            write(&key).map_err(|error| {
                format!("{id} was created but not shown ({error}): revoke it with `faceql keys revoke {id}`")
            })?;
            remark(&format!("created {id} in {file}; save the key above, it is not shown again"));
            if is_first {
                remark(&format!(
                    "from now on the server requires a key; data created without one belongs to the tenant \
                     {ANONYMOUS_TENANT}: use `--tenant {ANONYMOUS_TENANT}` to create a key for it"
                ));
            }
        }
        KeysTask::List => keys.list().await?.iter().for_each(|key| say(&line(key, Clock::system().now()))),
        KeysTask::Revoke { id } => {
            keys.revoke(id).await.map_err(|error| match error {
                KeyError::NotFound => error.to_string(),
                _ => format!("{} was NOT revoked and is still valid: {error}", ids::show(id)),
            })?;
            say(&format!("{} is revoked", ids::show(id)));
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
    format!("{}  {tenant}  {scopes}  {state}  {used}  {label}", ids::show(*id)).trim_end().into()
}

fn key_id(text: &str) -> Result<ApiKeyId, String> {
    ids::parse(text).ok_or_else(|| "not a key id; `faceql keys list` shows them".into())
}

fn label(text: &str) -> Result<String, String> {
    let fits = text.len() <= MAX_LABEL_BYTES && !text.chars().any(char::is_control);
    fits.then(|| text.into())
        .ok_or_else(|| format!("a label has at most {MAX_LABEL_BYTES} bytes, on one line"))
}
