//! One write: a transaction and what follows its commit.

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

/// A transaction under way. Dropped without [`Write::commit`], it leaves no trace.
pub struct Write {
    transaction: Transaction,
    after_commit: Vec<Box<dyn FnOnce() + Send + Sync>>,
}

impl Write {
    pub(super) async fn begin(turn: OwnedMutexGuard<Writer>) -> Result<Self, DbErr> {
        Ok(Self { transaction: Transaction::begin(turn).await?, after_commit: Vec::new() })
    }

    /// Does `follow` once the write is committed: publish, wake a worker. It must not block.
    pub fn after_commit(&mut self, follow: impl FnOnce() + Send + Sync + 'static) {
        self.after_commit.push(Box::new(follow));
    }

    /// Makes the write lasting, then does what was to follow, in order.
    ///
    /// # Errors
    /// When a statement of the write failed before, or the database failed now; nothing is written then.
    pub async fn commit(self) -> Result<(), DbErr> {
        // A caller that goes away in the middle must not part a commit from what follows it.
        let commit = tokio::spawn(async move {
            // Held until all has followed: another write's events must not overtake this one's.
            let _turn = self.transaction.commit().await?;
            self.after_commit.into_iter().for_each(|follow| follow());
            Ok(())
        });
        commit.await.unwrap_or_else(|panic| Err(DbErr::Custom(format!("the commit broke off: {panic}"))))
    }
}

impl Deref for Write {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.transaction
    }
}

/// The statements of a write. SQLite may roll back by itself when one fails (the disk is full, an I/O error), and what
/// came after it would be written outside of any transaction. So one statement runs at a time, and after one that did not
/// succeed, or whose end nobody waited for, every further one fails, and the commit too.
pub struct Transaction {
    /// There until its end.
    open: Option<Open>,
    is_broken: Mutex<bool>,
    /// Whether there is something to commit: without, a COMMIT does not reach the disk and proves nothing.
    has_changes: AtomicBool,
}

/// A transaction with all that it holds.
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
        // Cut off in here, the connection is dropped, which closes it.
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

    /// Returns the turn once SQLite has confirmed the COMMIT.
    async fn commit(mut self) -> Result<OwnedMutexGuard<Writer>, DbErr> {
        // A broken one ends as any other that is dropped.
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

    /// Runs a statement, unless one before it did not succeed.
    async fn run<'a, T, F>(&'a self, statement: impl FnOnce(&'a DatabaseTransaction) -> F) -> Result<T, DbErr>
    where
        F: Future<Output = Result<T, DbErr>>,
    {
        let mut is_broken = self.is_broken.lock().await;
        let open = self.open.as_ref().filter(|_| !*is_broken).ok_or_else(broken)?;
        // Until it has succeeded.
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
    /// Rolls back, and keeps the turn until that is done. Only a ROLLBACK that succeeds proves the connection clean.
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
    storage_fault("a statement of this write failed before, so nothing of it is written")
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
