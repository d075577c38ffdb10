//! One write: a transaction and what follows its commit.

use std::ops::Deref;

use sea_orm::{DatabaseTransaction, DbErr};
use tokio::sync::OwnedMutexGuard;

/// A transaction under way. Dropped without [`Write::commit`], it leaves no trace.
pub struct Write {
    transaction: DatabaseTransaction,
    /// Held until all has followed: another write's events must not overtake this one's.
    turn: OwnedMutexGuard<()>,
    after_commit: Vec<Box<dyn FnOnce() + Send + Sync>>,
}

impl Write {
    pub(super) fn new(transaction: DatabaseTransaction, turn: OwnedMutexGuard<()>) -> Self {
        Self { transaction, turn, after_commit: Vec::new() }
    }

    /// Does `follow` once the write is committed: publish, wake a worker. It must not block.
    pub fn after_commit(&mut self, follow: impl FnOnce() + Send + Sync + 'static) {
        self.after_commit.push(Box::new(follow));
    }

    /// Makes the write lasting, then does what was to follow, in order.
    ///
    /// # Errors
    /// When the database failed; nothing is written then.
    pub async fn commit(self) -> Result<(), DbErr> {
        // A caller that goes away in the middle must not part a commit from what follows it.
        let commit = tokio::spawn(async move {
            self.transaction.commit().await?;
            self.after_commit.into_iter().for_each(|follow| follow());
            drop(self.turn);
            Ok(())
        });
        commit.await.unwrap_or_else(|panic| Err(DbErr::Custom(format!("the commit broke off: {panic}"))))
    }
}

impl Deref for Write {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}
