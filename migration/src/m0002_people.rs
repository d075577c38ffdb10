//! People with their faces and templates; guided enrollment sessions; details of idempotency results.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    binary, binary_null, boolean, integer, json, json_null, string, string_null, timestamp_with_time_zone,
    uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [persons(), faces(), templates(), enrollments(), enrollment_frames()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        let details = Table::alter().table("idempotency_keys").add_column(json_null("details")).to_owned();
        manager.alter_table(details).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["enrollment_frames", "enrollments", "templates", "faces", "persons"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        manager.alter_table(Table::alter().table("idempotency_keys").drop_column("details").to_owned()).await
    }
}

fn persons() -> TableCreateStatement {
    Table::create()
        .table("persons")
        .col(uuid("id").primary_key())
        .col(string("tenant"))
        .col(string("gallery"))
        .col(string("external_id"))
        .col(string("external_id_folded"))
        .col(string_null("display_name"))
        .col(string_null("display_name_folded"))
        .col(json_null("metadata"))
        .col(timestamp_with_time_zone("consent_granted_at"))
        .col(string_null("consent_reference"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .to_owned()
}

fn faces() -> TableCreateStatement {
    Table::create()
        .table("faces")
        .col(uuid("id").primary_key())
        .col(string("tenant"))
        .col(uuid("person_id"))
        .col(string("image_sha256"))
        .col(json("quality"))
        .col(boolean("chip_kept"))
        .col(timestamp_with_time_zone("created_at"))
        .foreign_key(&mut going_with("faces", "person_id", "persons"))
        .to_owned()
}

fn templates() -> TableCreateStatement {
    Table::create()
        .table("templates")
        .col(uuid("face_id"))
        .col(string("model_digest"))
        .col(string("tenant"))
        .col(binary("vector"))
        .primary_key(Index::create().col("face_id").col("model_digest"))
        .foreign_key(&mut going_with("templates", "face_id", "faces"))
        .to_owned()
}

fn enrollments() -> TableCreateStatement {
    Table::create()
        .table("enrollments")
        .col(uuid("id").primary_key())
        .col(string("tenant"))
        .col(string("status"))
        .col(integer("revision"))
        .col(string("gallery"))
        .col(string("external_id"))
        .col(string_null("display_name"))
        .col(timestamp_with_time_zone("consent_granted_at"))
        .col(string_null("consent_reference"))
        .col(integer("required_frames"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(uuid_null("person_id"))
        .col(timestamp_with_time_zone("created_at"))
        .foreign_key(&mut going_with("enrollments", "person_id", "persons"))
        .to_owned()
}

fn enrollment_frames() -> TableCreateStatement {
    Table::create()
        .table("enrollment_frames")
        .col(uuid("enrollment_id"))
        .col(integer("position"))
        .col(string("tenant"))
        .col(uuid("face_id"))
        .col(string("image_sha256"))
        .col(json_null("rejection"))
        .col(json_null("quality"))
        .col(binary_null("vector"))
        .col(string("model_digest"))
        .col(boolean("chip_kept"))
        .col(timestamp_with_time_zone("received_at"))
        .primary_key(Index::create().col("enrollment_id").col("position"))
        .foreign_key(&mut going_with("enrollment_frames", "enrollment_id", "enrollments"))
        .to_owned()
}

/// A foreign key that deletes the rows of `table` together with the row that `column` refers to.
fn going_with(table: &'static str, column: &'static str, owner: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{owner}"))
        .from(table, column)
        .to(owner, "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let on = |name: &str, table: &'static str| Index::create().name(name).table(table).to_owned();
    vec![
        on("persons_by_key", "persons").col("tenant").col("gallery").col("external_id").unique().to_owned(),
        on("persons_by_gallery", "persons").col("tenant").col("gallery").col("id").to_owned(),
        on("faces_by_person", "faces").col("person_id").col("id").to_owned(),
        on("enrollments_by_person", "enrollments").col("person_id").to_owned(),
        on("enrollments_by_end", "enrollments").col("status").col("expires_at").to_owned(),
    ]
}
