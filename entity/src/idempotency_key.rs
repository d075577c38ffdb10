//! The result of an idempotency key, so that a repeated request gets the first result.

use sea_orm::entity::prelude::*;

use crate::ids::Tenant;

/// A row of `idempotency_keys`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    /// Tenant of the caller.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: Tenant,
    /// Mutation that the key was sent to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub operation: String,
    /// Node that the mutation adds to; nil if there is none.
    #[sea_orm(primary_key, auto_increment = false)]
    pub parent: Uuid,
    /// The key as sent.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// SHA-256 of the input, lower-case hexadecimal.
    pub input_digest: String,
    /// Node that the first request created; nil if it created none.
    pub result: Uuid,
    /// Further details of the first response, if it contained more than the node.
    pub details: Option<Json>,
    /// When the key was first used.
    pub created_at: DateTimeUtc,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
