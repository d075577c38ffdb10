//! Makes a migration atomic. By default, migrations on SQLite run without a transaction, and a migration interrupted by
//! a full disk could never run again.

use sea_orm_migration::prelude::*;

/// A migration in a transaction, together with the record that it ran.
pub(crate) struct Whole(pub(crate) Box<dyn MigrationTrait>);

impl MigrationName for Whole {
    fn name(&self) -> &str {
        self.0.name()
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Whole {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.up(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.down(manager).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
