//! The database: a pool of readers and one writer on SQLite. Independent of tables.
//!
//! SQLite allows one writing connection at a time. With a single writer connection, writes wait in a fair queue instead
//! of failing with BUSY, and each runs in an IMMEDIATE transaction.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use migration::Migrator;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{ConnAcquireErr, ConnectOptions, DatabaseConnection, DbErr};
use sea_orm_migration::MigratorTrait;
use tokio::sync::Mutex;

use super::private;
use crate::settings::section;

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

/// Maximum time that a statement or a write waits for its connection.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

section! {
    /// Settings of the database.
    #[derive(Clone, Debug)]
    pub struct DatabaseConfig {
        /// The database, as sqlite:PATH. It is created when it does not exist.
        pub file: PathBuf = parsed(
            "DATABASE_URL",
            DEFAULT_FILE.into(),
            &format!("sqlite:{DEFAULT_FILE}"),
            "sqlite:PATH, a file (an in-memory database cannot be shared by connections)",
            sqlite_file,
        ),
        /// Connections for reading.
        pub readers: u32 = number("FACEQL_DATABASE_READERS", 4, 1..=64),
        /// Whether an upload is on the disk before it is acknowledged. With false, a crash of FaceQL loses nothing, but a
        /// crash of the machine may.
        pub durable: bool = flag("FACEQL_DURABLE", true),
    }
}

const DEFAULT_FILE: &str = ".faceql/data/faceql.db";

fn sqlite_file(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let path = path.split_once('?').map_or(path, |(path, _parameters)| path);
    (!path.is_empty() && path != ":memory:").then(|| path.into())
}

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it could not be created.
    #[error("the database folder {folder}: {source}")]
    Folder {
        /// The folder of the database file.
        folder: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// Another process has the database open.
    #[error(
        "another FaceQL process has the database open; stop it first, or give this one its own DATABASE_URL"
    )]
    InUse,
    /// The database file does not exist.
    #[error("there is no database {file}; `faceql serve` creates it; check DATABASE_URL if it should exist")]
    Missing {
        /// Path of the database file.
        file: PathBuf,
    },
    /// SQLite reported an error.
    #[error("the database: {0}")]
    Database(#[from] DbErr),
}

/// The database. Clones share the same state.
#[derive(Clone)]
pub struct Database {
    /// Absolute path, so that it does not depend on the working directory.
    file: Arc<Path>,
    reader: DatabaseConnection,
    /// Locked during a write.
    writer: Arc<Mutex<Writer>>,
    health: Arc<WriteHealth>,
    ownership: Arc<Ownership>,
    statements: Arc<AtomicU64>,
    /// Whether deleted data may still be in the write-ahead log.
    erasure_due: Arc<AtomicBool>,
}

impl Database {
    /// Opens the database, creates it if it does not exist, and runs pending migrations.
    ///
    /// # Errors
    /// When the folder cannot be created, or the file is not a FaceQL database.
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
            // The previous process may have been killed before it erased deleted data.
            erasure_due: Arc::new(AtomicBool::new(true)),
        })
    }

    /// Opens the database even while a server has it open: for tables that servers read on each use, such as keys.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub async fn open_beside(config: &DatabaseConfig) -> Result<Self, OpenError> {
        match Self::open(config).await {
            // The process that has it open has already migrated it.
            Err(OpenError::InUse) => {
                let connections = Connections::new(config);
                let writer = connections.open(1).await?;
                Self::with(config, connections, writer, None).await
            }
            opened => opened,
        }
    }

    /// Checks that the database exists, for commands that must not create it.
    ///
    /// # Errors
    /// [`OpenError::Missing`] when it does not exist.
    pub fn find(config: &DatabaseConfig) -> Result<(), OpenError> {
        if config.file.is_file() { Ok(()) } else { Err(OpenError::Missing { file: config.file.clone() }) }
    }

    /// Inspects a database without changing it; returns the pending migrations.
    ///
    /// # Errors
    /// [`OpenError::Missing`] when it does not exist, [`OpenError::InUse`] when a process has it open.
    pub async fn look(config: &DatabaseConfig) -> Result<Vec<String>, OpenError> {
        Self::find(config)?;
        let _locks = Locks::take(&config.file)?;
        let connection = Self::read_only(config).await?;
        let due = Migrator::get_pending_migrations_read_only(&connection).await?;
        connection.close().await?;
        Ok(due.iter().map(|step| step.name().to_owned()).collect())
    }

    /// A read-only connection, which cannot change the schema either.
    ///
    /// # Errors
    /// When the database does not exist.
    pub async fn read_only(config: &DatabaseConfig) -> Result<DatabaseConnection, DbErr> {
        let file = SqliteConnectOptions::new().filename(&config.file).read_only(true);
        let mut options = ConnectOptions::new("sqlite:");
        options.sqlx_logging(false).map_sqlx_sqlite_opts(move |_| file.clone());
        sea_orm::Database::connect(options).await
    }

    /// Absolute path of the database file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Connections for reading; they see committed data immediately.
    #[must_use]
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Begins a write after waiting for the writer. Nothing is written unless [`Write::commit`] returns `Ok`.
    ///
    /// # Errors
    /// When the writer did not become free in time, or the database failed.
    pub async fn write(&self) -> Result<Write, DbErr> {
        let turn = tokio::time::timeout(LONGEST_WAIT, self.writer.clone().lock_owned());
        let turn = turn.await.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?;
        Write::begin(turn).await
    }

    /// Number of statements executed since the start.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Closes all connections and checkpoints the write-ahead log.
    pub async fn close(self) {
        let mut turn = self.writer.lock().await;
        discard(self.reader).await;
        if let Some(writer) = turn.close() {
            discard(writer).await;
        }
        // Last: closing a file releases all locks that SQLite holds on it in this process.
        self.ownership.release();
    }
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).to_owned()
}
