//! The audit log.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, binary, integer, string, text, timestamp_with_time_zone};

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(audit_entries()).await?;
        manager.create_table(audit_heads()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["audit_heads", "audit_entries"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        Ok(())
    }
}

fn audit_entries() -> TableCreateStatement {
    Table::create()
        .table("audit_entries")
        .col(big_integer("sequence").primary_key())
        .col(timestamp_with_time_zone("time"))
        .col(string("tenant"))
        .col(string("actor"))
        .col(string("request"))
        .col(string("act"))
        .col(text("ids"))
        .col(big_integer("ids_left_out"))
        .col(string("outcome"))
        .col(binary("mac"))
        .to_owned()
}

fn audit_heads() -> TableCreateStatement {
    Table::create()
        .table("audit_heads")
        .col(integer("id").primary_key())
        .col(big_integer("first_sequence"))
        .col(binary("before_first"))
        .col(big_integer("last_sequence"))
        .col(binary("last_mac"))
        .col(binary("seal"))
        .to_owned()
}
