//! Where the chain of the audit log begins and ends: without it, nobody would notice that its last entries are gone.

use sea_orm::entity::prelude::*;

/// The one row of `audit_heads`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_heads")]
pub struct Model {
    /// Always [`Model::ID`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// The oldest entry that is kept.
    pub first_sequence: i64,
    /// The MAC of the entry before that one.
    pub before_first: Vec<u8>,
    /// The newest entry.
    pub last_sequence: i64,
    /// Its MAC.
    pub last_mac: Vec<u8>,
    /// HMAC over all of the above.
    pub seal: Vec<u8>,
}

impl Model {
    /// The id of the one row.
    pub const ID: i32 = 1;
}

/// Nothing refers to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
