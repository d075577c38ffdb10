//! An API key. Neither the key nor anything that reveals it is stored.

use sea_orm::entity::prelude::*;

use crate::ids::{ApiKeyId, Tenant};

/// A row of `api_keys`. Rows are never removed, so that actors in the audit log remain identifiable.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub struct Model {
    /// Id of the key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ApiKeyId,
    /// Tenant whose data the key gives access to.
    pub tenant: Tenant,
    /// Purpose of the key, for operators.
    pub label: String,
    /// Permissions of the key, such as `read+write`.
    pub scopes: String,
    /// HMAC-SHA-256 of the key under the server's secret, lower-case hexadecimal.
    #[sea_orm(unique)]
    pub digest: String,
    /// When the key was created.
    pub created_at: DateTimeUtc,
    /// When the key expires; `None` if it does not.
    pub expires_at: Option<DateTimeUtc>,
    /// When the key was revoked; `None` if it is valid.
    pub revoked_at: Option<DateTimeUtc>,
    /// The minute in which the key was last used.
    pub last_used_at: Option<DateTimeUtc>,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
