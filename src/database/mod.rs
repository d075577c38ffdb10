//! Rows: a pool of readers and one writer on SQLite. Knows no table.
//!
//! SQLite lets one connection write at a time. With one writer connection, writes wait in a fair queue of
//! ours instead of failing with BUSY, and each runs in an IMMEDIATE transaction.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use migration::Migrator;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnAcquireErr, ConnectOptions, DatabaseConnection, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use sea_orm_migration::MigratorTrait;
use tokio::sync::Mutex;

use crate::config::{Setting, Settings};
use crate::private;

mod erasure;
mod write;

pub use write::Write;

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
    writer: DatabaseConnection,
    /// Whose turn it is to write.
    turn: Arc<Mutex<()>>,
    /// Held while the database is open: what this process keeps in memory would not hear of another's writes. `None` for
    /// one that keeps nothing of it in memory.
    lock: Option<Arc<File>>,
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
        let folder = config.file.parent().unwrap_or(Path::new("")).to_owned();
        let failed = |source| OpenError::Folder { folder: folder.clone(), source };
        private::make_folder(&folder).map_err(failed)?;
        let lock = lock(config)?;
        // SQLite gives the files beside it the same permissions.
        private::make_file(&config.file).map_err(failed)?;
        let database = Self::connect(config, Some(lock)).await?;
        Migrator::up(&database.writer, None).await?;
        Ok(database)
    }

    async fn connect(config: &DatabaseConfig, lock: Option<File>) -> Result<Self, DbErr> {
        let statements = Arc::default();
        Ok(Self {
            file: std::path::absolute(&config.file).unwrap_or_else(|_| config.file.clone()).into(),
            writer: connect(config, 1, &statements).await?,
            reader: connect(config, config.readers, &statements).await?,
            turn: Arc::default(),
            lock: lock.map(Arc::new),
            statements,
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
            Err(OpenError::InUse) => Ok(Self::connect(config, None).await?),
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
        let _lock = lock(config)?;
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
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let turn = tokio::time::timeout(LONGEST_WAIT, self.turn.clone().lock_owned());
        let turn = turn.await.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?;
        Ok(Write::new(self.writer.begin_with_options(immediate).await?, turn))
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.reader.ping().await
    }

    /// How many statements have been run since the start.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Closes all connections and folds the write-ahead log into the file.
    pub async fn close(self) {
        let _turn = self.turn.lock().await;
        for pool in [self.reader, self.writer] {
            if let Err(error) = pool.close().await {
                tracing::warn!(%error, "the database did not close cleanly");
            }
        }
        if let Some(Err(error)) = self.lock.map(|lock| lock.unlock()) {
            tracing::warn!(%error, "the database stays locked until this process ends");
        }
    }
}

fn lock(config: &DatabaseConfig) -> Result<File, OpenError> {
    let folder = config.file.parent().unwrap_or(Path::new("")).to_owned();
    let failed = |source| OpenError::Folder { folder: folder.clone(), source };
    let lock = File::create(config.file.with_extension("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

async fn connect(
    config: &DatabaseConfig,
    connections: u32,
    statements: &Arc<AtomicU64>,
) -> Result<DatabaseConnection, DbErr> {
    let file = config.file.clone();
    let synchronous = if config.durable { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
    let mut options = ConnectOptions::new("sqlite:");
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(LONGEST_WAIT)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |_| {
            SqliteConnectOptions::new()
                .filename(&file)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(synchronous)
                .foreign_keys(true)
                // Writes take turns already; this is for how long a checkpoint waits for readers.
                .busy_timeout(Duration::from_secs(1))
                // What is deleted is overwritten, not merely unlinked: a vector is personal data.
                .pragma("secure_delete", "ON")
        });
    let mut connection = sea_orm::Database::connect(options).await?;
    let statements = statements.clone();
    connection.set_metric_callback(move |_| {
        statements.fetch_add(1, Ordering::Relaxed);
    });
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sqlite_file_is_a_database_url() {
        assert_eq!(sqlite_file("sqlite:data/faceql.db"), Some("data/faceql.db".into()));
        assert_eq!(sqlite_file("sqlite:///srv/faceql.db?mode=rwc"), Some("/srv/faceql.db".into()));
        assert_eq!(sqlite_file("sqlite::memory:"), None);
        assert_eq!(sqlite_file("postgres://localhost/faceql"), None);
    }
}
