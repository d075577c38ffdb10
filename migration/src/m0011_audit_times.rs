//! Audit log entries count how often an act happened.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let times = big_integer("times").default(1).to_owned();
        let entries = Table::alter().table("audit_entries").add_column(times).to_owned();
        manager.alter_table(entries).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let entries = Table::alter().table("audit_entries").drop_column("times").to_owned();
        manager.alter_table(entries).await
    }
}
