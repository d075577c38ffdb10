//! A person enrolled in a gallery.

use sea_orm::entity::prelude::*;

use crate::ids::{PersonId, Tenant};
use crate::name_key::NameKey;

/// A row of `persons`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "persons")]
pub struct Model {
    /// Id of the person.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PersonId,
    /// Tenant that owns the person.
    pub tenant: Tenant,
    /// Name of the gallery, chosen by the tenant.
    pub gallery: String,
    /// Lookup key of the gallery.
    pub gallery_key: NameKey,
    /// The caller's own id for the person.
    pub external_id: String,
    /// Lookup key of the external id, unique in the gallery.
    pub external_id_key: NameKey,
    /// Whether either key is the name as sent instead of the normalized one, because the normalized key is taken or not
    /// assigned yet.
    pub keys_as_sent: bool,
    /// `external_id` decomposed and in lower case, for searching.
    pub external_id_folded: String,
    /// Name shown to users.
    pub display_name: Option<String>,
    /// `display_name` decomposed and in lower case, for searching.
    pub display_name_folded: Option<String>,
    /// The caller's own JSON.
    pub metadata: Option<Json>,
    /// When the person consented to be enrolled.
    pub consent_granted_at: DateTimeUtc,
    /// Where the caller stores the proof of consent.
    pub consent_reference: Option<String>,
    /// When the person was enrolled.
    pub created_at: DateTimeUtc,
    /// When the person or the person's faces last changed.
    pub updated_at: DateTimeUtc,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
