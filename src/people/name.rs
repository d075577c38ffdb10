//! How a person is named.

use entity::ids::PersonId;
use entity::person::{Column, Entity, Model};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::{People, PeopleError, check_name};
use crate::caller::Caller;

/// A person by the caller's own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonKey {
    /// The gallery.
    pub gallery: String,
    /// The caller's key, unique there.
    pub external_id: String,
}

impl PersonKey {
    /// Refuses names that are empty or too long.
    ///
    /// # Errors
    /// [`PeopleError::BadInput`] says which.
    pub fn check(&self) -> Result<(), PeopleError> {
        check_name("gallery", &self.gallery)?;
        check_name("externalId", &self.external_id)
    }
}

/// One of two ways to name a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonRef {
    /// By our id.
    Id(PersonId),
    /// By the caller's key.
    Key(PersonKey),
}

impl People {
    /// One of the caller's people; `None` when there is no such person.
    ///
    /// # Errors
    /// When the name cannot be anybody's, or the database fails.
    pub async fn find(&self, caller: &Caller, who: &PersonRef) -> Result<Option<Model>, PeopleError> {
        find_in(self.database.reader(), caller, who).await
    }
}

/// As [`People::find`], wherever it is to be looked.
pub(super) async fn find_in(
    database: &impl ConnectionTrait,
    caller: &Caller,
    who: &PersonRef,
) -> Result<Option<Model>, PeopleError> {
    let named = match who {
        PersonRef::Id(id) => owned(caller).filter(Column::Id.eq(*id)),
        PersonRef::Key(key) => {
            key.check()?;
            owned(caller)
                .filter(Column::Gallery.eq(&key.gallery))
                .filter(Column::ExternalId.eq(&key.external_id))
        }
    };
    Ok(named.one(database).await?)
}

/// The caller's people.
pub(super) fn owned(caller: &Caller) -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(caller.tenant.clone()))
}
