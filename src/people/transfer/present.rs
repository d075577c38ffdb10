//! Finds which people and faces of a file already exist.

use std::collections::{HashMap, HashSet};

use entity::ids::{FaceId, PersonId};
use entity::name_key::NameKey;
use entity::{face, person};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::ROWS;
use super::candidate::{Candidate, NewRow};
use crate::access::caller::Caller;
use crate::people::lookup::{has_gallery, owned};
use crate::store::database::Write;

/// Person ids by the keys of gallery and person.
type People = HashMap<(NameKey, NameKey), PersonId>;

/// Existing data that concerns the people and faces of a batch.
#[derive(Default)]
pub(super) struct Present {
    /// Lookup keys of the batch's galleries, by name.
    galleries: HashMap<String, NameKey>,
    /// Existing people, by the keys of gallery and person.
    people: People,
    /// Those of the existing people whose names differ in Unicode form from the batch's.
    in_other_form: People,
    /// SHA-256 digests of the images of each person's faces.
    pictures: HashMap<PersonId, HashSet<String>>,
    /// Ids that are taken, by any tenant.
    person_ids: HashSet<PersonId>,
    face_ids: HashSet<FaceId>,
}

impl Present {
    /// Reads what `write` sees; `committed` does not include what this import has written so far. Names of the file
    /// that differ only in their Unicode form are kept apart, because they were distinct in the exporting database.
    pub(super) async fn read(
        write: &Write,
        committed: &DatabaseConnection,
        caller: &Caller,
        batch: &[Candidate],
    ) -> Result<Self, DbErr> {
        let mut present = Self::default();
        let mut by_gallery: HashMap<&str, Vec<&str>> = HashMap::new();
        for Candidate { person, .. } in batch {
            by_gallery.entry(&person.gallery).or_default().push(&person.external_id);
        }
        for (gallery, external_ids) in by_gallery {
            let key = key_of_gallery(write, committed, caller, gallery).await?;
            let as_sent: Vec<NameKey> = external_ids.iter().map(|id| NameKey::as_sent(id)).collect();
            let normal = external_ids.iter().map(|id| NameKey::normal(id));
            let normal = normal.filter(|key| !as_sent.contains(key)).collect();
            present.in_other_form.extend(by_keys(committed, caller, &key, normal).await?);
            present.people.extend(by_keys(&**write, caller, &key, as_sent).await?);
            present.galleries.insert(gallery.to_owned(), key);
        }
        let pictures = face::Entity::find()
            .select_only()
            .columns([face::Column::PersonId, face::Column::ImageSha256])
            .filter(face::Column::PersonId.is_in(present.ids()));
        for (person, picture) in pictures.into_tuple::<(PersonId, String)>().all(&**write).await? {
            present.pictures.entry(person).or_default().insert(picture);
        }
        let ids = batch.iter().map(|candidate| candidate.person.id);
        let taken = person::Entity::find()
            .select_only()
            .column(person::Column::Id)
            .filter(person::Column::Id.is_in(ids));
        present.person_ids.extend(taken.into_tuple::<PersonId>().all(&**write).await?);
        let ids = batch.iter().flat_map(|candidate| candidate.faces.iter().map(|(face, _)| face.id));
        for ids in ids.collect::<Vec<_>>().chunks(ROWS) {
            let taken = face::Entity::find()
                .select_only()
                .column(face::Column::Id)
                .filter(face::Column::Id.is_in(ids.iter().copied()));
            present.face_ids.extend(taken.into_tuple::<FaceId>().all(&**write).await?);
        }
        Ok(present)
    }

    /// Gives an existing person the stored id, and a new one the key of its gallery. Returns whether the person is new.
    pub(super) fn place_person(&mut self, person: &mut person::Model) -> bool {
        if let Some(gallery) = self.galleries.get(&person.gallery) {
            person.gallery_key = gallery.clone();
        }
        let key = |external_id| (person.gallery_key.clone(), external_id);
        let (as_sent, normal) =
            (key(person.external_id_key.clone()), key(NameKey::normal(&person.external_id)));
        if let Some(id) = self.people.get(&as_sent).or_else(|| self.in_other_form.get(&normal)) {
            person.id = *id;
            return false;
        }
        if !self.person_ids.insert(person.id) {
            person.id = PersonId(Uuid::now_v7());
        }
        person.keys_as_sent = as_sent != normal || person.gallery_key != NameKey::normal(&person.gallery);
        self.people.insert(as_sent, person.id);
        true
    }

    fn ids(&self) -> impl Iterator<Item = PersonId> {
        self.people.values().chain(self.in_other_form.values()).copied()
    }

    /// The person's new faces, with the ids to store them under.
    pub(super) fn place_faces(&mut self, person: PersonId, mut faces: Vec<NewRow>) -> Vec<NewRow> {
        let pictures = self.pictures.entry(person).or_default();
        faces.retain(|(face, _)| pictures.insert(face.image_sha256.clone()));
        for (face, _) in &mut faces {
            face.person_id = person;
            if !self.face_ids.insert(face.id) {
                face.id = FaceId(Uuid::now_v7());
            }
        }
        faces
    }

    /// The number of the person's faces, including the new ones.
    pub(super) fn face_count(&self, person: PersonId) -> usize {
        self.pictures.get(&person).map_or(0, HashSet::len)
    }
}

/// The lookup key of a gallery of the file.
async fn key_of_gallery(
    write: &Write,
    committed: &DatabaseConnection,
    caller: &Caller,
    gallery: &str,
) -> Result<NameKey, DbErr> {
    let (normal, as_sent) = (NameKey::normal(gallery), NameKey::as_sent(gallery));
    let is_apart = has_gallery(&**write, &caller.tenant, &as_sent).await?;
    if !is_apart && has_gallery(committed, &caller.tenant, &normal).await? {
        return Ok(normal);
    }
    Ok(as_sent)
}

async fn by_keys(
    database: &impl ConnectionTrait,
    caller: &Caller,
    gallery: &NameKey,
    keys: Vec<NameKey>,
) -> Result<People, DbErr> {
    if keys.is_empty() {
        return Ok(People::new());
    }
    let people = owned(caller)
        .filter(person::Column::GalleryKey.eq(gallery.clone()))
        .filter(person::Column::ExternalIdKey.is_in(keys));
    let entry = |person: person::Model| ((person.gallery_key, person.external_id_key), person.id);
    Ok(people.all(database).await?.into_iter().map(entry).collect())
}
