//! A model that computed stored vectors. Rows remain after the pack is replaced, so that the origin of old vectors is
//! known.

use sea_orm::entity::prelude::*;

/// A row of `models`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "models")]
pub struct Model {
    /// SHA-256 over the model's files and preprocessing, lower-case hexadecimal.
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: String,
    /// Name, version, thresholds, licence: the engine's model card.
    pub card: Json,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
