//! A container: a few images that are encoded and compared.

use sea_orm::entity::prelude::*;

use crate::ids::{ContainerId, Tenant};

/// A row of `containers`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "containers")]
pub struct Model {
    /// Sorts by creation time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ContainerId,
    /// Tenant that owns the container.
    pub tenant: Tenant,
    /// The caller's own JSON, as sent.
    pub metadata: Option<Json>,
    /// Maximum number of images; fixed at creation.
    pub image_limit: i32,
    /// When the container was created.
    pub created_at: DateTimeUtc,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
