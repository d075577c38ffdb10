//! Containers, images, encodings and models; the job queue; idempotency keys.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, binary, boolean, integer, json_null, string, string_null, text_null,
    timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [containers(), images(), models(), encodings(), jobs(), idempotency_keys()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["idempotency_keys", "jobs", "encodings", "models", "images", "containers"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        Ok(())
    }
}

fn containers() -> TableCreateStatement {
    Table::create()
        .table("containers")
        .col(uuid("id").primary_key())
        .col(string("tenant"))
        .col(json_null("metadata"))
        .col(integer("image_limit"))
        .col(timestamp_with_time_zone("created_at"))
        .to_owned()
}

fn images() -> TableCreateStatement {
    Table::create()
        .table("images")
        .col(uuid("id").primary_key())
        .col(string("tenant"))
        .col(uuid("container_id"))
        .col(string("status"))
        .col(integer("revision"))
        .col(integer("attempts"))
        .col(string("content_type"))
        .col(big_integer("byte_size"))
        .col(string("sha256"))
        .col(integer("width"))
        .col(integer("height"))
        .col(boolean("bytes_kept"))
        .col(string_null("error_code"))
        .col(text_null("error_message"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("completed_at"))
        .foreign_key(
            ForeignKey::create()
                .name("images_container")
                .from("images", "container_id")
                .to("containers", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn models() -> TableCreateStatement {
    Table::create()
        .table("models")
        .col(string("digest").primary_key())
        .col(ColumnDef::new("card").json().not_null())
        .to_owned()
}

fn encodings() -> TableCreateStatement {
    Table::create()
        .table("encodings")
        .col(uuid("id").primary_key())
        .col(string("tenant"))
        .col(uuid("image_id"))
        .col(integer("position"))
        .col(string("model_digest"))
        .col(binary("vector"))
        .col(json_null("face"))
        .foreign_key(
            ForeignKey::create()
                .name("encodings_image")
                .from("encodings", "image_id")
                .to("images", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("encodings_model")
                .from("encodings", "model_digest")
                .to("models", "digest"),
        )
        .to_owned()
}

fn jobs() -> TableCreateStatement {
    Table::create()
        .table("jobs")
        .col(uuid("id").primary_key())
        .col(string("tenant"))
        .col(string("kind"))
        .col(uuid("subject"))
        .col(integer("priority"))
        .col(timestamp_with_time_zone("run_at"))
        .col(integer("attempt"))
        .col(integer("lost_leases"))
        .col(uuid_null("lease_token"))
        .col(timestamp_with_time_zone_null("lease_until"))
        .col(text_null("last_error"))
        .col(timestamp_with_time_zone("created_at"))
        .to_owned()
}

fn idempotency_keys() -> TableCreateStatement {
    Table::create()
        .table("idempotency_keys")
        .col(string("tenant"))
        .col(string("operation"))
        .col(uuid("parent"))
        .col(string("key"))
        .col(string("input_digest"))
        .col(uuid("result"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().col("tenant").col("operation").col("parent").col("key"))
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let on = |name: &str, table: &'static str| Index::create().name(name).table(table).to_owned();
    vec![
        on("containers_by_tenant", "containers").col("tenant").col("id").to_owned(),
        on("images_by_container", "images").col("container_id").col("id").to_owned(),
        on("images_by_end", "images").col("bytes_kept").col("completed_at").to_owned(),
        on("encodings_by_image", "encodings").col("image_id").col("position").unique().to_owned(),
        on("jobs_by_subject", "jobs").col("kind").col("subject").unique().to_owned(),
        on("jobs_by_turn", "jobs").col("lease_until").col("run_at").to_owned(),
        on("idempotency_keys_by_age", "idempotency_keys").col("created_at").to_owned(),
        on("idempotency_keys_by_result", "idempotency_keys").col("result").to_owned(),
    ]
}
