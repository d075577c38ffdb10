//! The one connection that writes. It is here only while it is known to be clean: a write takes it away and puts it back
//! after a COMMIT or ROLLBACK that SQLite confirmed. In every other case it is closed, and the next write opens another.

use std::sync::Arc;

use sea_orm::{DatabaseConnection, DbErr};

use super::connections::Connections;
use super::health::WriteHealth;
use super::ownership::Ownership;

/// Held by whoever's turn it is to write.
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
    /// When there was none and none could be opened.
    pub(super) async fn take(&mut self) -> Result<DatabaseConnection, DbErr> {
        if let Some(connection) = self.clean.take() {
            return Ok(connection);
        }
        self.connections.open(1).await.inspect_err(|error| self.health.failed(error))
    }

    /// Puts back a connection that is outside of any transaction.
    pub(super) fn put_back(&mut self, connection: DatabaseConnection) {
        self.clean = Some(connection);
    }

    /// Takes the connection for good.
    pub(super) fn close(&mut self) -> Option<DatabaseConnection> {
        self.clean.take()
    }
}

/// Closes a connection in whatever state it is, which ends its transaction.
pub(super) async fn discard(connection: DatabaseConnection) {
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "a connection to the database did not close cleanly");
    }
}
