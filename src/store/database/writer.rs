//! The single writing connection. It is stored here only while it is known to be clean: a write takes it and returns it
//! after a confirmed COMMIT or ROLLBACK. In all other cases it is closed, and the next write opens another.

use std::sync::Arc;

use sea_orm::{DatabaseConnection, DbErr};

use super::connections::Connections;
use super::health::WriteHealth;
use super::ownership::Ownership;

/// Locked during a write.
pub(super) struct Writer {
    connections: Connections,
    pub(super) health: Arc<WriteHealth>,
    pub(super) ownership: Arc<Ownership>,
    clean: Option<DatabaseConnection>,
}

impl Writer {
    pub(super) fn new(
        connections: Connections,
        clean: DatabaseConnection,
        health: Arc<WriteHealth>,
        ownership: Arc<Ownership>,
    ) -> Self {
        Self { connections, health, ownership, clean: Some(clean) }
    }

    /// Takes the connection, which is outside of any transaction.
    ///
    /// # Errors
    /// When there was no connection and none could be opened.
    pub(super) async fn take(&mut self) -> Result<DatabaseConnection, DbErr> {
        if let Some(connection) = self.clean.take() {
            return Ok(connection);
        }
        self.connections.open(1).await.inspect_err(|error| self.health.failed(error))
    }

    /// Returns a connection that is outside of any transaction.
    pub(super) fn put_back(&mut self, connection: DatabaseConnection) {
        self.clean = Some(connection);
    }

    /// Removes the connection permanently.
    pub(super) fn close(&mut self) -> Option<DatabaseConnection> {
        self.clean.take()
    }
}

/// Closes a connection in any state, which ends its transaction.
pub(super) async fn discard(connection: DatabaseConnection) {
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "a connection to the database did not close cleanly");
    }
}
