//! How many detections of a tenant have finished, and which have expired. A transaction that increments a number holds
//! the row until its commit, so that a higher number never becomes visible before a lower one.

use sea_orm::entity::prelude::*;

use crate::ids::Tenant;

/// A row of `detection_counters`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "detection_counters")]
pub struct Model {
    /// Tenant that owns the detections.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: Tenant,
    /// Number of the last finished detection.
    pub finished: i64,
    /// Highest number among the expired detections; 0 if there are none.
    pub expired: i64,
}

/// Nothing refers to counters.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
