//! Lookup of people and galleries by name. Names that differ only in their Unicode form are equal; each name is
//! returned as it was sent.

use entity::ids::{PersonId, Tenant};
use entity::name_key::NameKey;
use entity::person::{Column, Entity, Model};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use serde::Serialize;

use super::names::check_name;
use super::{People, PeopleError};
use crate::access::caller::Caller;

/// A person by gallery and external id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct PersonKey {
    /// Name of the gallery.
    pub gallery: String,
    /// The caller's own id for the person, unique within the gallery.
    pub external_id: String,
}

impl PersonKey {
    /// Checks that neither name is empty or too long.
    ///
    /// # Errors
    /// [`PeopleError::BadInput`] that names the argument.
    pub fn check(&self) -> Result<(), PeopleError> {
        check_name("gallery", &self.gallery)?;
        check_name("externalId", &self.external_id)
    }
}

/// A reference to a person, by id or by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonRef {
    /// By the id that FaceQL assigned.
    Id(PersonId),
    /// By gallery and external id.
    Key(PersonKey),
}

impl People {
    /// Finds one of the caller's people; `None` if there is no such person.
    ///
    /// # Errors
    /// When the key is not a valid name, or the database fails.
    pub async fn find(&self, caller: &Caller, who: &PersonRef) -> Result<Option<Model>, PeopleError> {
        find_in(self.database.reader(), caller, who).await
    }
}

/// Like [`People::find`], on any connection or transaction.
pub(super) async fn find_in(
    database: &impl ConnectionTrait,
    caller: &Caller,
    who: &PersonRef,
) -> Result<Option<Model>, PeopleError> {
    match who {
        PersonRef::Id(id) => Ok(owned(caller).filter(Column::Id.eq(*id)).one(database).await?),
        PersonRef::Key(key) => {
            key.check()?;
            let gallery = gallery_key(database, caller, &key.gallery).await?;
            Ok(find_by_key(database, caller, &gallery, &key.external_id).await?)
        }
    }
}

/// Finds a person of a gallery by external id.
pub(super) async fn find_by_key(
    database: &impl ConnectionTrait,
    caller: &Caller,
    gallery: &NameKey,
    external_id: &str,
) -> Result<Option<Model>, DbErr> {
    let (normal, as_sent) = (NameKey::normal(external_id), NameKey::as_sent(external_id));
    let mut found = owned(caller)
        .filter(Column::GalleryKey.eq(gallery.clone()))
        .filter(Column::ExternalIdKey.is_in([normal, as_sent.clone()]))
        .all(database)
        .await?;
    let exact = found.iter().position(|person| person.external_id_key == as_sent);
    Ok(exact.map(|place| found.swap_remove(place)).or_else(|| found.pop()))
}

/// The lookup key of a gallery: its normalized key, unless a gallery of exactly this name is stored under a key of its
/// own.
pub(super) async fn gallery_key(
    database: &impl ConnectionTrait,
    caller: &Caller,
    gallery: &str,
) -> Result<NameKey, DbErr> {
    let (normal, as_sent) = (NameKey::normal(gallery), NameKey::as_sent(gallery));
    if normal == as_sent || !has_gallery(database, &caller.tenant, &as_sent).await? {
        return Ok(normal);
    }
    Ok(as_sent)
}

/// Whether the gallery has at least one person.
pub(super) async fn has_gallery(
    database: &impl ConnectionTrait,
    tenant: &Tenant,
    gallery: &NameKey,
) -> Result<bool, DbErr> {
    let people = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Tenant.eq(tenant.clone()))
        .filter(Column::GalleryKey.eq(gallery.clone()));
    Ok(people.into_tuple::<PersonId>().one(database).await?.is_some())
}

/// Selects the caller's people.
pub(super) fn owned(caller: &Caller) -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(caller.tenant.clone()))
}
