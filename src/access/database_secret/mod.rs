//! Ties a database to its secret. The database stores a fingerprint of the secret it was written with and cannot be
//! opened with another one: no key would be recognized, and the audit log would appear tampered with. A new secret is
//! only created for a database that never had one.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use entity::api_key;
use entity::identity::{Column, Entity, Model};
use ring::hmac;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use crate::audit::Handwriting;
use crate::store::database::{Database, Write};
use crate::store::secret::{Secret, SecretConfig, SecretError};

mod reset;

pub use reset::{Loss, ResetError, loss, reset};

/// The fingerprint is the HMAC of `TEXT` under a key derived for this purpose.
const PURPOSE: &str = "fingerprint";
const TEXT: &[u8] = b"a database of FaceQL";

/// The former default path of the secret, before it was stored next to the database.
const FORMER_DEFAULT: &str = ".faceql/data/secret";

/// Why a database cannot be opened with the configured secret.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The secret could not be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database belongs to another secret.
    #[error("{file} (FACEQL_SECRET_FILE) {fault}: {remedy}")]
    Wrong {
        /// The configured file.
        file: PathBuf,
        /// What is wrong with the configured secret.
        fault: SecretFault,
        /// Where the required secret is.
        remedy: Remedy,
    },
    /// The database failed.
    #[error("the database: {0}")]
    Database(#[from] DbErr),
}

/// What is wrong with the configured secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretFault {
    /// The file does not exist, although the database was written with a secret.
    Missing,
    /// The database was written with another secret.
    Other,
}

impl fmt::Display for SecretFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Missing => "is missing",
            Self::Other => "is not the secret of this database",
        })
    }
}

/// Where the secret of a database can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// This file holds it.
    Found(PathBuf),
    /// This file held it when a server last used it.
    LastSeen(String),
    /// The location is unknown.
    Unknown,
}

impl fmt::Display for Remedy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backup = "restore it from a backup; if it is lost for good, see `faceql secret reset`";
        match self {
            Self::Found(file) => {
                let file = file.display();
                write!(formatter, "the database's secret is {file}; set FACEQL_SECRET_FILE={file}")
            }
            Self::LastSeen(file) => {
                write!(formatter, "the database's secret was last seen at {file}; {backup}")
            }
            Self::Unknown => write!(formatter, "the database was written with another secret; {backup}"),
        }
    }
}

/// The secret of `database`. It is created if the database never had one, and its fingerprint is stored.
///
/// # Errors
/// When the configured secret is missing or not the one of the database, or the database failed.
pub async fn secret_of(database: &Database, config: &SecretConfig) -> Result<Secret, IdentityError> {
    match examine(database.reader(), database.file(), config).await? {
        Standing::Known(secret) => Ok(secret),
        Standing::New(_) => remember(database, config).await,
    }
}

/// Checks without changes whether `config` names the secret of a database. `None` when it has yet to be created.
///
/// # Errors
/// When the configured secret is missing or not the one of the database, or the database failed.
pub async fn look(
    reader: &impl ConnectionTrait,
    database: &Path,
    config: &SecretConfig,
) -> Result<Option<Secret>, IdentityError> {
    match examine(reader, database, config).await? {
        Standing::Known(secret) => Ok(Some(secret)),
        Standing::New(secret) => Ok(secret),
    }
}

/// Stores the path of the secret, so that an error can name it if it is missing later.
///
/// # Errors
/// When the database failed.
pub async fn note_place(database: &Database, secret: &Secret) -> Result<(), DbErr> {
    let place = place_of(secret);
    let noted = stored(database.reader()).await?.is_none_or(|identity| identity.secret_file == place);
    if noted {
        return Ok(());
    }
    let write = database.write().await?;
    let moved = Entity::update_many().col_expr(Column::SecretFile, Expr::value(place));
    moved.exec(&*write).await?;
    write.commit().await
}

/// The stored identity of a database: its id and its secret's fingerprint and path. `None` before its first secret.
///
/// # Errors
/// When the database failed.
pub async fn stored(reader: &impl ConnectionTrait) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(Model::ID).one(reader).await
}

/// How the configured secret relates to a database, when nothing is wrong.
enum Standing {
    /// The database stores its fingerprint.
    Known(Secret),
    /// The database stores no fingerprint. The secret exists and matches the data, or has yet to be created.
    New(Option<Secret>),
}

async fn examine(
    reader: &impl ConnectionTrait,
    database: &Path,
    config: &SecretConfig,
) -> Result<Standing, IdentityError> {
    let evidence = Evidence::of(reader).await?;
    let given = match Secret::read(config) {
        Ok(secret) => Some(secret),
        Err(SecretError::File { source, .. }) if source.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let fault = match (given, &evidence) {
        (Some(secret), Evidence::Fingerprint(_)) if evidence.allows(&secret) => {
            return Ok(Standing::Known(secret));
        }
        (Some(secret), _) if evidence.allows(&secret) => return Ok(Standing::New(Some(secret))),
        (None, Evidence::Nothing) => return Ok(Standing::New(None)),
        (Some(_), _) => SecretFault::Other,
        (None, _) => SecretFault::Missing,
    };
    let remedy = evidence.remedy(database);
    Err(IdentityError::Wrong { file: config.file.clone(), fault, remedy })
}

async fn remember(database: &Database, config: &SecretConfig) -> Result<Secret, IdentityError> {
    let write = database.write().await?;
    // Examined again within the transaction: another process may have created a secret meanwhile.
    let secret = match examine(&*write, database.file(), config).await? {
        Standing::Known(secret) => return Ok(secret),
        Standing::New(Some(secret)) => secret,
        Standing::New(None) => Secret::make(config)?,
    };
    store(&write, Uuid::now_v7(), &secret).await?;
    write.commit().await?;
    Ok(secret)
}

async fn store(write: &Write, database: Uuid, secret: &Secret) -> Result<(), DbErr> {
    let row = Model {
        id: Model::ID,
        database,
        fingerprint: hmac::sign(&secret.key(PURPOSE), TEXT).as_ref().to_vec(),
        secret_file: place_of(secret),
    };
    let replace =
        OnConflict::column(Column::Id).update_columns([Column::Fingerprint, Column::SecretFile]).to_owned();
    let row = row.into_active_model().reset_all();
    Entity::insert(row).on_conflict(replace).exec_without_returning(&**write).await.map(drop)
}

fn place_of(secret: &Secret) -> String {
    let file = std::path::absolute(secret.file()).unwrap_or_else(|_| secret.file().to_owned());
    file.to_string_lossy().into_owned()
}

/// What a database reveals about its secret.
enum Evidence {
    /// A stored fingerprint.
    Fingerprint(Model),
    /// No fingerprint, since the database was last used before fingerprints existed, but an audit log written with the
    /// secret.
    Log(Box<Handwriting>),
    /// Only API keys created with the secret, which a secret cannot be compared with.
    Keys,
    /// The database never had a secret.
    Nothing,
}

impl Evidence {
    async fn of(reader: &impl ConnectionTrait) -> Result<Self, DbErr> {
        if let Some(identity) = stored(reader).await? {
            return Ok(Self::Fingerprint(identity));
        }
        if let Some(handwriting) = Handwriting::of(reader).await? {
            return Ok(Self::Log(Box::new(handwriting)));
        }
        let key = api_key::Entity::find().one(reader).await?;
        Ok(if key.is_some() { Self::Keys } else { Self::Nothing })
    }

    /// Whether the evidence does not contradict `secret`.
    fn allows(&self, secret: &Secret) -> bool {
        match self {
            Self::Fingerprint(identity) => {
                hmac::verify(&secret.key(PURPOSE), TEXT, &identity.fingerprint).is_ok()
            }
            Self::Log(handwriting) => handwriting.is_by(secret),
            Self::Keys | Self::Nothing => true,
        }
    }

    /// Whether the evidence proves that `secret` is the right one.
    fn proves(&self, secret: &Secret) -> bool {
        matches!(self, Self::Fingerprint(_) | Self::Log(_)) && self.allows(secret)
    }

    /// Searches the likely locations for the secret.
    fn remedy(&self, database: &Path) -> Remedy {
        let hint = match self {
            Self::Fingerprint(identity) => Some(&identity.secret_file),
            _ => None,
        };
        let former = std::path::absolute(FORMER_DEFAULT).ok();
        let places =
            hint.map(PathBuf::from).into_iter().chain([database.with_file_name("secret")]).chain(former);
        let is_it = |file: &PathBuf| {
            Secret::read(&SecretConfig { file: file.clone() }).is_ok_and(|secret| self.proves(&secret))
        };
        match (places.into_iter().find(is_it), hint) {
            (Some(file), _) => Remedy::Found(file),
            (None, Some(hint)) => Remedy::LastSeen(hint.clone()),
            (None, None) => Remedy::Unknown,
        }
    }
}
