//! Which database this is, and which secret belongs to it.

use sea_orm::entity::prelude::*;

/// The one row of `identities`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identities")]
pub struct Model {
    /// Always [`Model::ID`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Tells this database from every other one.
    pub database: Uuid,
    /// HMAC by the secret over a fixed text; says nothing about the secret.
    pub fingerprint: Vec<u8>,
    /// Absolute path of the secret's file when a server last used it: a hint for people.
    pub secret_file: String,
}

impl Model {
    /// The id of the one row.
    pub const ID: i32 = 1;
}

/// Nothing refers to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
