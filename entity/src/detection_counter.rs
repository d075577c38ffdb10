//! How many detections of a tenant have finished, and which have expired. Whoever raises it holds the row until the commit, so that a higher
//! number never becomes visible before a lower one.

use sea_orm::entity::prelude::*;

use crate::ids::Tenant;

/// A row of `detection_counters`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "detection_counters")]
pub struct Model {
    /// Whose detections are counted.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: Tenant,
    /// The number of the last one.
    pub finished: i64,
    /// The highest number among those that were removed for their age; 0 when there are none.
    pub expired: i64,
}

/// Nothing refers to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
