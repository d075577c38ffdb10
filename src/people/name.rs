//! How a person is named.

use entity::ids::PersonId;
use entity::person::{Column, Entity, Model};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;

use super::{People, PeopleError, check_name};
use crate::caller::Caller;

/// A person by the caller's own key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
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

/// A name without its case, for searching. Letter by letter, so that what begins a name also begins it folded;
/// `str::to_lowercase` would write a Greek sigma at the end of a word in another way than within it.
pub(super) fn fold(name: &str) -> String {
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_begins_a_name_begins_it_folded() {
        for name in ["ΟΔΟΣ", "Οδος", "STRASSE", "Straße", "İstanbul", "ǅ", "名前"] {
            for (end, letter) in name.char_indices() {
                let beginning = &name[..end + letter.len_utf8()];
                assert!(fold(name).starts_with(&fold(beginning)), "{beginning}");
            }
        }
        assert_eq!((fold("ΟΔΟΣ"), fold("STRASSE")), (fold("οδος"), fold("straße")));
    }
}
