//! Where the chain of the audit log begins and ends. Reveals the removal of the last entries.

use sea_orm::entity::prelude::*;

/// The single row of `audit_heads`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_heads")]
pub struct Model {
    /// Always [`Model::ID`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Number of the oldest retained entry.
    pub first_sequence: i64,
    /// MAC of the entry before it.
    pub before_first: Vec<u8>,
    /// Number of the newest entry.
    pub last_sequence: i64,
    /// MAC of the newest entry.
    pub last_mac: Vec<u8>,
    /// HMAC over all of the above.
    pub seal: Vec<u8>,
}

impl Model {
    /// The id of the single row.
    pub const ID: i32 = 1;
}

/// Nothing refers to this table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
