//! A key that lets in. The key itself is not here, nor anything that it could be computed from.

use sea_orm::entity::prelude::*;

use crate::ids::{ApiKeyId, Tenant};

/// A row of `api_keys`. None is ever removed, so that who asked can be told later.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub struct Model {
    /// Names the key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ApiKeyId,
    /// Whose data it lets see and change.
    pub tenant: Tenant,
    /// What it is for, for people.
    pub label: String,
    /// What it lets do, as in `read+write`.
    pub scopes: String,
    /// HMAC-SHA-256 of the key under the server's secret, lower-case hexadecimal.
    #[sea_orm(unique)]
    pub digest: String,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// From when on it lets in no more.
    pub expires_at: Option<DateTimeUtc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTimeUtc>,
    /// The minute in which it was last used.
    pub last_used_at: Option<DateTimeUtc>,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
