//! How people and galleries are named, and found by their names. Names that are the same text in different Unicode forms
//! are the same name; each is returned as it was sent.

use entity::ids::{PersonId, Tenant};
use entity::name_key::NameKey;
use entity::person::{Column, Entity, Model};
use icu_normalizer::DecomposingNormalizerBorrowed;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
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
    match who {
        PersonRef::Id(id) => Ok(owned(caller).filter(Column::Id.eq(*id)).one(database).await?),
        PersonRef::Key(key) => {
            key.check()?;
            let gallery = gallery_key(database, caller, &key.gallery).await?;
            Ok(find_by_key(database, caller, &gallery, &key.external_id).await?)
        }
    }
}

/// The person of a gallery by the caller's own key.
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

/// What a gallery is found by: its normal key, unless a gallery of just this name is kept apart from that one.
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

/// Whether anybody is in a gallery.
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

/// The caller's people.
pub(super) fn owned(caller: &Caller) -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(caller.tenant.clone()))
}

/// A name decomposed and without its case, for searching. Decomposed and letter by letter, so that what begins a name also
/// begins it folded: a letter begins the same letter with an accent, and a Hangul syllable one that goes on.
/// `str::to_lowercase` would write a Greek sigma at the end of a word in another way than within it.
pub(super) fn fold(name: &str) -> String {
    const NFD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfd();
    let decomposed = NFD.normalize(name);
    let folded: String =
        decomposed.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    NFD.normalize(&folded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_begins_a_name_begins_it_folded() {
        let decomposed = ["Jose\u{301}", "Nguye\u{302}\u{303}n", "\u{1100}\u{1175}\u{11b7}"];
        for name in ["ΟΔΟΣ", "Οδος", "STRASSE", "Straße", "İstanbul", "ǅ", "名前", "José", "ᾴ"]
            .iter()
            .chain(&decomposed)
        {
            for (end, letter) in name.char_indices() {
                let beginning = &name[..end + letter.len_utf8()];
                assert!(fold(name).starts_with(&fold(beginning)), "{beginning}");
            }
        }
        assert_eq!((fold("ΟΔΟΣ"), fold("STRASSE")), (fold("οδος"), fold("straße")));
    }

    #[test]
    fn one_text_in_two_unicode_forms_folds_to_the_same() {
        for (composed, other) in [
            ("JOSÉ", "jose\u{301}"),
            ("Nguyễn", "nguye\u{302}\u{303}n"),
            ("김", "\u{1100}\u{1175}\u{11b7}"),
            ("ᾴ", "α\u{345}\u{301}"),
            ("Å", "\u{212b}"),
        ] {
            assert_eq!(fold(composed), fold(other));
        }
    }

    #[test]
    fn what_somebody_types_letter_by_letter_begins_the_name() {
        for (name, typed) in [("José", "jose"), ("Nguyễn", "nguyê"), ("김", "기")] {
            assert!(fold(name).starts_with(&fold(typed)), "{typed}");
        }
    }
}
