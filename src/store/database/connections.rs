//! Opens connections to the SQLite file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sea_orm::sqlx::Connection;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr};

use super::{DatabaseConfig, LONGEST_WAIT};

/// Opens connections to one database with a shared statement counter.
#[derive(Clone)]
pub(super) struct Connections {
    file: PathBuf,
    synchronous: SqliteSynchronous,
    pub(super) statements: Arc<AtomicU64>,
}

impl Connections {
    pub(super) fn new(config: &DatabaseConfig) -> Self {
        let synchronous = if config.durable { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
        Self { file: config.file.clone(), synchronous, statements: Arc::default() }
    }

    /// Opens a pool of `count` connections. They stay open, because closing the last one removes the write-ahead log.
    pub(super) async fn open(&self, count: u32) -> Result<DatabaseConnection, DbErr> {
        let (file, synchronous) = (self.file.clone(), self.synchronous);
        let mut options = ConnectOptions::new("sqlite:");
        options
            .max_connections(count)
            .min_connections(1)
            .acquire_timeout(LONGEST_WAIT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .sqlx_logging(false)
            .map_sqlx_sqlite_pool_opts(|pool| {
                pool.after_release(|connection, _| Box::pin(has_left_its_transaction(connection)))
            })
            .map_sqlx_sqlite_opts(move |_| {
                SqliteConnectOptions::new()
                    .filename(&file)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(synchronous)
                    .foreign_keys(true)
                    // Writes are serialized already; this limits how long a checkpoint waits for readers.
                    .busy_timeout(Duration::from_secs(1))
                    // Deleted data is overwritten, not only unlinked, because vectors are personal data.
                    .pragma("secure_delete", "ON")
            });
        let mut connection = sea_orm::Database::connect(options).await?;
        let statements = self.statements.clone();
        connection.set_metric_callback(move |_| {
            statements.fetch_add(1, Ordering::Relaxed);
        });
        Ok(connection)
    }
}

/// Whether a connection returned to its pool is outside of any transaction; otherwise the pool closes it. After SQLite
/// has rolled back on its own, sqlx's ROLLBACK fails, and sqlx would treat the connection as being in a transaction
/// forever.
async fn has_left_its_transaction(connection: &mut SqliteConnection) -> Result<bool, sea_orm::sqlx::Error> {
    if !connection.is_in_transaction() {
        return Ok(true);
    }
    // Dropping a transaction only queues its ROLLBACK; this waits until it has run.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}
