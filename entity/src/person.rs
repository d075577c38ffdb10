//! A person whose face is known in a gallery.

use sea_orm::entity::prelude::*;

use crate::ids::{PersonId, Tenant};
use crate::name_key::NameKey;

/// A row of `persons`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "persons")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PersonId,
    /// Whose it is.
    pub tenant: Tenant,
    /// The gallery, by the tenant's own name for it.
    pub gallery: String,
    /// What the gallery is found by.
    pub gallery_key: NameKey,
    /// The caller's own key of the person.
    pub external_id: String,
    /// What the person is found by, unique in the gallery.
    pub external_id_key: NameKey,
    /// Whether one of the two keys is the name as it was sent and not the normal one, because the normal one is taken or
    /// was not given yet.
    pub keys_as_sent: bool,
    /// `external_id` decomposed and in lower case, to search by.
    pub external_id_folded: String,
    /// What people call the person.
    pub display_name: Option<String>,
    /// `display_name` decomposed and in lower case, to search by.
    pub display_name_folded: Option<String>,
    /// Whatever the caller wants to keep with the person.
    pub metadata: Option<Json>,
    /// When the person agreed to be enrolled.
    pub consent_granted_at: DateTimeUtc,
    /// Where the caller keeps the proof of it.
    pub consent_reference: Option<String>,
    /// When the person was enrolled.
    pub created_at: DateTimeUtc,
    /// When the person or one of the faces changed last.
    pub updated_at: DateTimeUtc,
}

/// Relations are read by loaders, never joined by the ORM.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
