//! A verification container: a few images that are encoded and compared.

use sea_orm::entity::prelude::*;

use crate::ids::{ContainerId, Tenant};

/// A row of `containers`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "containers")]
pub struct Model {
    /// Sorts by creation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ContainerId,
    /// Whose it is.
    pub tenant: Tenant,
    /// The caller's own JSON, kept as given.
    pub metadata: Option<Json>,
    /// How many images it takes; fixed at creation.
    pub image_limit: i32,
    /// When it was created.
    pub created_at: DateTimeUtc,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
