//! Which secret belongs to a database. A database remembers a fingerprint of the secret that it was written with, and is
//! opened with no other one: keys would let nobody in, and the audit log would count as changed. A secret is made for a
//! database that never needed one, and for no other.

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
use crate::database::{Database, Write};
use crate::secret::{Secret, SecretConfig, SecretError};

mod reset;

pub use reset::{Loss, ResetError, loss, reset};

/// What the fingerprint is an HMAC of.
const PURPOSE: &str = "fingerprint";
const TEXT: &[u8] = b"a database of FaceQL";

/// Where the secret was by default before its place was beside the database.
const FORMER_DEFAULT: &str = ".faceql/data/secret";

/// Why a database is not opened with the configured secret.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is none to be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database needs another one.
    #[error("{file} (FACEQL_SECRET_FILE) {fault}: {remedy}")]
    Wrong {
        /// The configured file.
        file: PathBuf,
        /// What is wrong with it.
        fault: SecretFault,
        /// Which one is needed.
        remedy: Remedy,
    },
    /// The database failed.
    #[error("the database: {0}")]
    Database(#[from] DbErr),
}

/// What is wrong with the configured secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretFault {
    /// It is not there, and the database was written with one.
    Missing,
    /// The database was written with another one.
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

/// Where the secret of a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// It is this file.
    Found(PathBuf),
    /// It was this file when a server last used it.
    LastSeen(String),
    /// Nobody knows.
    Unknown,
}

impl fmt::Display for Remedy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backup =
            "put it back from your backups; if it is lost for good, see what `faceql secret reset` says";
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

/// The secret of `database`, which remembers it from now on. It is made when the database never needed one.
///
/// # Errors
/// When there is another one, or none where there should be one.
pub async fn secret_of(database: &Database, config: &SecretConfig) -> Result<Secret, IdentityError> {
    match examine(database.reader(), database.file(), config).await? {
        Standing::Known(secret) => Ok(secret),
        Standing::New(_) => remember(database, config).await,
    }
}

/// Says whether `config` is the secret of a database, and changes neither. `None` when it is yet to be made.
///
/// # Errors
/// When there is another one, or none where there should be one.
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

/// Notes where the secret is now, for the day when it is looked for.
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

/// Tells a database from every other one; `None` before its first secret.
///
/// # Errors
/// When the database failed.
pub async fn stored(reader: &impl ConnectionTrait) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(Model::ID).one(reader).await
}

/// How the configured secret and a database stand to each other, when nothing is wrong.
enum Standing {
    /// The database remembers it.
    Known(Secret),
    /// The database remembers none. The secret is there and nothing speaks against it, or is yet to be made.
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
    // Another process may have been as fast, and would have made another secret.
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

/// What a database says of its secret.
enum Evidence {
    /// A fingerprint.
    Fingerprint(Model),
    /// None, since it was last used before there were fingerprints; but its audit log was written with the secret.
    Log(Box<Handwriting>),
    /// There are keys that were made with it, and nothing to compare it with.
    Keys,
    /// There never was one.
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

    /// Whether nothing speaks against it.
    fn allows(&self, secret: &Secret) -> bool {
        match self {
            Self::Fingerprint(identity) => {
                hmac::verify(&secret.key(PURPOSE), TEXT, &identity.fingerprint).is_ok()
            }
            Self::Log(handwriting) => handwriting.is_by(secret),
            Self::Keys | Self::Nothing => true,
        }
    }

    /// Whether it is that one for certain.
    fn proves(&self, secret: &Secret) -> bool {
        matches!(self, Self::Fingerprint(_) | Self::Log(_)) && self.allows(secret)
    }

    /// Looks for the secret where it may well be.
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
