//! Identity of the database, and the fingerprint of its secret.

use sea_orm::entity::prelude::*;

/// The single row of `identities`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identities")]
pub struct Model {
    /// Always [`Model::ID`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Unique id of this database.
    pub database: Uuid,
    /// HMAC of a fixed text with the secret; does not reveal the secret.
    pub fingerprint: Vec<u8>,
    /// Absolute path of the secret's file when a server last used it; a hint for operators.
    pub secret_file: String,
}

impl Model {
    /// The id of the single row.
    pub const ID: i32 = 1;
}

/// Nothing refers to this table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
