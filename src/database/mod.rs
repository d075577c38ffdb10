//! Rows: a pool of readers and one writer on SQLite. Knows no table.
//!
//! SQLite lets one connection write at a time. With one writer connection, writes wait in a fair queue of
//! ours instead of failing with BUSY, and each runs in an IMMEDIATE transaction.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use migration::Migrator;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{ConnAcquireErr, ConnectOptions, DatabaseConnection, DbErr};
use sea_orm_migration::MigratorTrait;
use tokio::sync::Mutex;

use crate::config::{Setting, Settings};
use crate::private;

mod connections;
mod erasure;
mod fault;
mod health;
mod ownership;
#[cfg(test)]
mod tests;
mod write;
mod writer;

use connections::Connections;
use health::WriteHealth;
use ownership::{Locks, Ownership};
use writer::{Writer, discard};

pub use fault::is_storage_fault;
pub use write::{Transaction, Write};

/// How long a statement or a write waits for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Where rows live.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// The SQLite file.
    pub file: PathBuf,
    /// Connections that read at once.
    pub readers: u32,
    /// Whether a commit waits until the disk has it.
    pub durable: bool,
}

impl DatabaseConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let default = ".faceql/data/faceql.db";
        let url = Setting {
            name: "DATABASE_URL",
            about: "The database, as sqlite:PATH; made when it is not there.",
        };
        let readers = Setting { name: "FACEQL_DATABASE_READERS", about: "Connections that read at once." };
        let durable = Setting {
            name: "FACEQL_DURABLE",
            about: "Whether an upload is on the disk before it is acknowledged; false survives a crash of \
                    FaceQL, but not of the machine.",
        };
        let expected = "sqlite:PATH, a file (an in-memory database cannot be shared by connections)";
        Self {
            file: settings.parsed(url, default.into(), &format!("sqlite:{default}"), expected, sqlite_file),
            readers: settings.number(readers, 4, 1..=64),
            durable: settings.flag(durable, true),
        }
    }
}

fn sqlite_file(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let path = path.split_once('?').map_or(path, |(path, _parameters)| path);
    (!path.is_empty() && path != ":memory:").then(|| path.into())
}

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it could not be made.
    #[error("the database folder {folder}: {source}")]
    Folder {
        /// The folder of the database file.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error(
        "another FaceQL has the database open; stop it first, or give this one a DATABASE_URL of its own"
    )]
    InUse,
    /// There is none to look at.
    #[error("there is no database {file}; `faceql serve` makes it, unless DATABASE_URL should name another")]
    Missing {
        /// The database file.
        file: PathBuf,
    },
    /// SQLite refused.
    #[error("the database: {0}")]
    Database(#[from] DbErr),
}

/// The database. Cloning shares it.
#[derive(Clone)]
pub struct Database {
    /// Absolute, so that it says the same wherever a command is run.
    file: Arc<Path>,
    reader: DatabaseConnection,
    /// Locked by whoever's turn it is to write.
    writer: Arc<Mutex<Writer>>,
    health: Arc<WriteHealth>,
    ownership: Arc<Ownership>,
    statements: Arc<AtomicU64>,
    /// Whether something was deleted that the write-ahead log still holds.
    erasure_due: Arc<AtomicBool>,
}

impl Database {
    /// Opens the database, makes it when it is not there, and runs the migrations that are due.
    ///
    /// # Errors
    /// When the folder cannot be made or the file is no database of ours.
    pub async fn open(config: &DatabaseConfig) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Folder { folder: folder_of(&config.file), source };
        private::make_folder(&folder_of(&config.file)).map_err(failed)?;
        let locks = Locks::take(&config.file)?;
        let connections = Connections::new(config);
        let writer = connections.open(1).await?;
        Migrator::up(&writer, None).await?;
        Self::with(config, connections, writer, Some(locks)).await
    }

    async fn with(
        config: &DatabaseConfig,
        connections: Connections,
        writer: DatabaseConnection,
        locks: Option<Locks>,
    ) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Folder { folder: folder_of(&config.file), source };
        let ownership = Arc::new(Ownership::new(&config.file, locks).map_err(failed)?);
        let health = Arc::<WriteHealth>::default();
        Ok(Self {
            file: std::path::absolute(&config.file).unwrap_or_else(|_| config.file.clone()).into(),
            reader: connections.open(config.readers).await?,
            statements: connections.statements.clone(),
            writer: Arc::new(Mutex::new(Writer::new(connections, writer, health.clone(), ownership.clone()))),
            health,
            ownership,
            // The process before this one may have been killed before it erased what it had deleted.
            erasure_due: Arc::new(AtomicBool::new(true)),
        })
    }

    /// Opens the database also while a server has it open: for tables that servers read afresh, such as keys.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open_beside(config: &DatabaseConfig) -> Result<Self, OpenError> {
        match Self::open(config).await {
            // Whoever has it open has brought it up to date.
            Err(OpenError::InUse) => {
                let connections = Connections::new(config);
                let writer = connections.open(1).await?;
                Self::with(config, connections, writer, None).await
            }
            opened => opened,
        }
    }

    /// Sees that there is a database, for those who are not to make one by opening it.
    ///
    /// # Errors
    /// [`OpenError::Missing`] when there is none.
    pub fn find(config: &DatabaseConfig) -> Result<(), OpenError> {
        if config.file.is_file() { Ok(()) } else { Err(OpenError::Missing { file: config.file.clone() }) }
    }

    /// Looks at a database without changing it; returns the migrations that its next opening will run.
    ///
    /// # Errors
    /// [`OpenError::Missing`] when there is none, [`OpenError::InUse`] when a process has it open.
    pub async fn look(config: &DatabaseConfig) -> Result<Vec<String>, OpenError> {
        Self::find(config)?;
        let _locks = Locks::take(&config.file)?;
        let connection = Self::read_only(config).await?;
        let due = Migrator::get_pending_migrations_read_only(&connection).await?;
        connection.close().await?;
        Ok(due.iter().map(|step| step.name().to_owned()).collect())
    }

    /// A connection that can change nothing, not even the schema.
    ///
    /// # Errors
    /// When there is no such database.
    pub async fn read_only(config: &DatabaseConfig) -> Result<DatabaseConnection, DbErr> {
        let file = SqliteConnectOptions::new().filename(&config.file).read_only(true);
        let mut options = ConnectOptions::new("sqlite:");
        options.sqlx_logging(false).map_sqlx_sqlite_opts(move |_| file.clone());
        sea_orm::Database::connect(options).await
    }

    /// The database file's absolute path.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Connections for reading; what is committed is seen at once.
    #[must_use]
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Begins a write. Waits its turn; nothing is written unless [`Write::commit`] returns `Ok`.
    ///
    /// # Errors
    /// When no turn came in time or the database failed.
    pub async fn write(&self) -> Result<Write, DbErr> {
        let turn = tokio::time::timeout(LONGEST_WAIT, self.writer.clone().lock_owned());
        let turn = turn.await.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?;
        Write::begin(turn).await
    }

    /// How many statements have been run since the start.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Closes all connections and folds the write-ahead log into the file.
    pub async fn close(self) {
        let mut turn = self.writer.lock().await;
        discard(self.reader).await;
        if let Some(writer) = turn.close() {
            discard(writer).await;
        }
        // Last: closing a file gives up all locks that SQLite has on it in this process.
        self.ownership.release();
    }
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).to_owned()
}
