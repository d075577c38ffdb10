//! Jobs continue the trace of the request that enqueued them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::string_null;

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let jobs = Table::alter().table("jobs").add_column(string_null("traceparent")).to_owned();
        manager.alter_table(jobs).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let jobs = Table::alter().table("jobs").drop_column("traceparent").to_owned();
        manager.alter_table(jobs).await
    }
}
