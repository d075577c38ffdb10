//! What somebody did. Written once, chained to the entry before it, and never changed.

use sea_orm::entity::prelude::*;

use crate::ids::Tenant;

/// A row of `audit_entries`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entries")]
pub struct Model {
    /// Its place in the chain, from 1, without gaps.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    /// When it was done.
    pub time: DateTimeUtc,
    /// Whose data it was about.
    pub tenant: Tenant,
    /// By what the one who did it was let in.
    pub actor: String,
    /// The id of the request; empty where there was none.
    pub request: String,
    /// What was done.
    pub act: String,
    /// What it was about: TypeIDs, as a JSON list.
    pub ids: String,
    /// How many more there were.
    pub ids_left_out: i64,
    /// `OK`, or the code of the error.
    pub outcome: String,
    /// How often that was done: more than once within a request, or refused in a flood.
    pub times: i64,
    /// HMAC over the one of the entry before, and all of the above.
    pub mac: Vec<u8>,
}

/// Nothing refers to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
