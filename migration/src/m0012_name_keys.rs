//! Galleries and people are found by normalized names.
//!
//! Only the service can normalize names. So the migration uses each name as its own key, which is as unique as before,
//! and marks the names that may have another normalized form; the service assigns their keys when it starts.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{boolean, string};

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["gallery_key", "external_id_key"] {
            add(manager, string(column).default("")).await?;
        }
        add(manager, boolean("keys_as_sent").default(false)).await?;
        // ASCII text has as many bytes as characters, and is its own normalized form.
        let marked = "UPDATE persons SET gallery_key = gallery, external_id_key = external_id, keys_as_sent =
            length(CAST(gallery || external_id || coalesce(display_name, '') AS BLOB))
            <> length(gallery || external_id || coalesce(display_name, ''))";
        manager.get_connection().execute_unprepared(marked).await?;
        drop_indexes(manager, &["persons_by_key", "persons_by_gallery"]).await?;
        let on = |name: &str| Index::create().name(name).table("persons").to_owned();
        for index in [
            on("persons_by_key").col("tenant").col("gallery_key").col("external_id_key").unique(),
            on("persons_by_gallery").col("tenant").col("gallery_key").col("id"),
            on("persons_with_keys_as_sent").col("id").and_where(Expr::col("keys_as_sent")),
        ] {
            manager.create_index(index.to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_indexes(manager, &["persons_by_key", "persons_by_gallery", "persons_with_keys_as_sent"]).await?;
        for column in ["gallery_key", "external_id_key", "keys_as_sent"] {
            manager.alter_table(Table::alter().table("persons").drop_column(column).to_owned()).await?;
        }
        let on = |name: &str| Index::create().name(name).table("persons").to_owned();
        for index in [
            on("persons_by_key").col("tenant").col("gallery").col("external_id").unique(),
            on("persons_by_gallery").col("tenant").col("gallery").col("id"),
        ] {
            manager.create_index(index.to_owned()).await?;
        }
        Ok(())
    }
}

async fn add(manager: &SchemaManager<'_>, column: impl IntoColumnDef) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table("persons").add_column(column).to_owned()).await
}

async fn drop_indexes(manager: &SchemaManager<'_>, names: &[&str]) -> Result<(), DbErr> {
    for name in names {
        manager.drop_index(Index::drop().name(*name).table("persons").to_owned()).await?;
    }
    Ok(())
}
