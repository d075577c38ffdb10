//! Identity of the database, and the fingerprint of its secret.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{binary, integer, string, uuid};

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let identities = Table::create()
            .table("identities")
            .col(integer("id").primary_key())
            .col(uuid("database"))
            .col(binary("fingerprint"))
            .col(string("secret_file"))
            .to_owned();
        manager.create_table(identities).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Alias::new("identities")).to_owned()).await
    }
}
