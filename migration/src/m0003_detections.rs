//! Detections, and the number of finished detections per tenant.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, double_null, integer, string, string_null, text_null,
    timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(detections()).await?;
        manager.create_table(detection_counters()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["detection_counters", "detections"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        Ok(())
    }
}

fn detections() -> TableCreateStatement {
    Table::create()
        .table("detections")
        .col(uuid("id").primary_key())
        .col(string("tenant"))
        .col(string("status"))
        .col(integer("revision"))
        .col(double_null("min_confidence"))
        .col(integer("max_faces"))
        .col(string("content_type"))
        .col(integer("width"))
        .col(integer("height"))
        .col(text_null("faces"))
        .col(big_integer_null("sequence"))
        .col(string_null("error_code"))
        .col(text_null("error_message"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("completed_at"))
        .to_owned()
}

fn detection_counters() -> TableCreateStatement {
    Table::create()
        .table("detection_counters")
        .col(string("tenant").primary_key())
        .col(big_integer("finished"))
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let on = |name: &str| Index::create().name(name).table("detections").to_owned();
    vec![
        on("detections_by_tenant").col("tenant").col("id").to_owned(),
        on("detections_by_status").col("tenant").col("status").col("id").to_owned(),
        on("detections_by_sequence").col("tenant").col("sequence").unique().to_owned(),
        on("detections_by_end").col("completed_at").to_owned(),
    ]
}
