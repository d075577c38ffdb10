//! Contours.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    integer, json, json_null, string, string_null, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(contours()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("contours").to_owned()).await
    }
}

fn contours() -> TableCreateStatement {
    Table::create()
        .table("contours")
        .col(uuid("id").primary_key())
        .col(string("tenant"))
        .col(string("status"))
        .col(integer("revision"))
        .col(string_null("cache_key"))
        .col(json("landmarks"))
        .col(json("style"))
        .col(json_null("levelling"))
        .col(string_null("error_code"))
        .col(text_null("error_message"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("completed_at"))
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let on = |name: &str| Index::create().name(name).table("contours").to_owned();
    vec![
        on("contours_by_cache_key").col("tenant").col("cache_key").unique().to_owned(),
        on("contours_by_end").col("completed_at").to_owned(),
    ]
}
