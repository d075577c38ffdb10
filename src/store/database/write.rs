//! A write: a transaction, and actions to run after its commit.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::fault::storage_fault;
use super::writer::{Writer, discard};

/// A write in progress. Dropping it without [`Write::commit`] rolls it back.
pub struct Write {
    transaction: Transaction,
    after_commit: Vec<Box<dyn FnOnce() + Send + Sync>>,
}

impl Write {
    pub(super) async fn begin(turn: OwnedMutexGuard<Writer>) -> Result<Self, DbErr> {
        Ok(Self { transaction: Transaction::begin(turn).await?, after_commit: Vec::new() })
    }

    /// Runs `follow` after the write is committed, for example to publish an event or wake a worker. It must not block.
    pub fn after_commit(&mut self, follow: impl FnOnce() + Send + Sync + 'static) {
        self.after_commit.push(Box::new(follow));
    }

    /// Commits the write, then runs the registered actions in order.
    ///
    /// # Errors
    /// When an earlier statement of the write failed, or the commit fails; nothing is written then.
    pub async fn commit(self) -> Result<(), DbErr> {
        // Spawned, so that cancelling the caller cannot separate the commit from the actions that follow it.
        let commit = tokio::spawn(async move {
            // Held until all actions have run, so that the events of a later write cannot overtake these.
            let _turn = self.transaction.commit().await?;
            self.after_commit.into_iter().for_each(|follow| follow());
            Ok(())
        });
        commit.await.unwrap_or_else(|panic| Err(DbErr::Custom(format!("the commit failed: {panic}"))))
    }
}

impl Deref for Write {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.transaction
    }
}

/// Runs the statements of a write. SQLite may roll back on its own when a statement fails (disk full, I/O error), and
/// later statements would then run outside of any transaction. So statements run one at a time, and after a failed or
/// cancelled statement, all further ones and the commit fail.
pub struct Transaction {
    /// `None` once the transaction has ended.
    open: Option<Open>,
    is_broken: Mutex<bool>,
    /// Whether there are changes to commit: a COMMIT without changes does not reach the disk and proves nothing.
    has_changes: AtomicBool,
}

/// The open transaction and the resources it holds.
struct Open {
    transaction: DatabaseTransaction,
    connection: DatabaseConnection,
    turn: OwnedMutexGuard<Writer>,
}

impl Transaction {
    async fn begin(mut turn: OwnedMutexGuard<Writer>) -> Result<Self, DbErr> {
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        turn.ownership.check()?;
        // If this is cancelled, the connection is dropped, which closes it.
        let connection = turn.take().await?;
        match connection.begin_with_options(immediate).await {
            Ok(transaction) => {
                let open = Some(Open { transaction, connection, turn });
                Ok(Self { open, is_broken: Mutex::new(false), has_changes: AtomicBool::new(false) })
            }
            Err(error) => {
                turn.health.failed(&error);
                discard(connection).await;
                Err(error)
            }
        }
    }

    /// Returns the writer once SQLite has confirmed the COMMIT.
    async fn commit(mut self) -> Result<OwnedMutexGuard<Writer>, DbErr> {
        // A broken transaction is rolled back on drop.
        if *self.is_broken.get_mut() {
            return Err(broken());
        }
        let Some(Open { transaction, connection, mut turn }) = self.open.take() else { return Err(broken()) };
        match transaction.commit().await {
            Ok(()) => {
                turn.put_back(connection);
                turn.ownership.check()?;
                if *self.has_changes.get_mut() {
                    turn.health.committed();
                }
                Ok(turn)
            }
            Err(error) => {
                turn.health.failed(&error);
                discard(connection).await;
                Err(error)
            }
        }
    }

    /// Runs a statement, unless an earlier one failed.
    async fn run<'a, T, F>(&'a self, statement: impl FnOnce(&'a DatabaseTransaction) -> F) -> Result<T, DbErr>
    where
        F: Future<Output = Result<T, DbErr>>,
    {
        let mut is_broken = self.is_broken.lock().await;
        let open = self.open.as_ref().filter(|_| !*is_broken).ok_or_else(broken)?;
        // Reset when the statement succeeds.
        *is_broken = true;
        let done = statement(&open.transaction).await.inspect_err(|error| open.turn.health.failed(error))?;
        *is_broken = false;
        Ok(done)
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let is_broken = *self.is_broken.get_mut();
        // Without a runtime, dropping the connection closes it.
        if let Some(open) = self.open.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(open.roll_back(is_broken));
        }
    }
}

impl Open {
    /// Rolls back, and holds the writer until that is done. Only a successful ROLLBACK proves that the connection is
    /// clean.
    async fn roll_back(self, is_broken: bool) {
        let Self { transaction, connection, mut turn } = self;
        if is_broken {
            drop(transaction);
        } else if transaction.rollback().await.is_ok() {
            return turn.put_back(connection);
        }
        discard(connection).await;
    }
}

fn broken() -> DbErr {
    storage_fault("an earlier statement of this write failed, so nothing is written")
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Sqlite
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let done = self.run(|transaction| transaction.execute_raw(statement)).await?;
        self.has_changes.fetch_or(done.rows_affected() > 0, Ordering::Relaxed);
        Ok(done)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.run(|transaction| transaction.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.run(|transaction| transaction.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(|transaction| transaction.query_all_raw(statement)).await
    }
}
