//! An entry of the audit log. Written once, chained to the previous entry, and never changed.

use sea_orm::entity::prelude::*;

use crate::ids::Tenant;

/// A row of `audit_entries`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entries")]
pub struct Model {
    /// Number in the chain, from 1, without gaps.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    /// When the act happened.
    pub time: DateTimeUtc,
    /// Tenant whose data the act concerned.
    pub tenant: Tenant,
    /// How the acting client was authenticated.
    pub actor: String,
    /// The request id; empty if there was none.
    pub request: String,
    /// What was done.
    pub act: String,
    /// What the act concerned: TypeIDs, as a JSON list.
    pub ids: String,
    /// Number of further ids that did not fit.
    pub ids_left_out: i64,
    /// `OK` or an error code.
    pub outcome: String,
    /// How often the act happened: more than once within a request, or in a flood of refused requests.
    pub times: i64,
    /// HMAC over the previous entry's HMAC and all of the above.
    pub mac: Vec<u8>,
}

/// Nothing refers to entries.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
