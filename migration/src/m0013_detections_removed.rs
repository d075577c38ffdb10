//! The last expired detection, so that a subscriber of the feed whose cursor is older gets an error.
//!
//! Detections removed before this migration are unknown; for these, the time in the cursor decides.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let expired = big_integer("expired").default(0).to_owned();
        manager.alter_table(Table::alter().table("detection_counters").add_column(expired).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(Table::alter().table("detection_counters").drop_column("expired").to_owned())
            .await
    }
}
