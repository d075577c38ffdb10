//! What a caller's idempotency key led to, so that a repeat gets the first result.

use sea_orm::entity::prelude::*;

use crate::ids::Tenant;

/// A row of `idempotency_keys`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    /// Whose key it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: Tenant,
    /// The mutation it was given to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub operation: String,
    /// The node the mutation adds to; nil where there is none.
    #[sea_orm(primary_key, auto_increment = false)]
    pub parent: Uuid,
    /// The caller's key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// SHA-256 of the input it came with, lower-case hexadecimal.
    pub input_digest: String,
    /// The node that the first call made; nil when it made none.
    pub result: Uuid,
    /// What else the first call answered, where that is more than the node.
    pub details: Option<Json>,
    /// When it was first used.
    pub created_at: DateTimeUtc,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
