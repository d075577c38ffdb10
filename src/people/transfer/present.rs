//! What is here already of the people of a file: who they are, and which of their faces are new.

use std::collections::{HashMap, HashSet};

use entity::ids::{FaceId, PersonId};
use entity::{face, person};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::ROWS;
use super::candidate::{Candidate, NewRow};
use crate::caller::Caller;
use crate::database::Write;
use crate::people::name::owned;

/// What is here of the people and faces of a batch.
#[derive(Default)]
pub(super) struct Present {
    /// By gallery and external id.
    people: HashMap<(String, String), PersonId>,
    /// The digests of their pictures.
    pictures: HashMap<PersonId, HashSet<String>>,
    /// Ids that are taken, by anybody.
    person_ids: HashSet<PersonId>,
    face_ids: HashSet<FaceId>,
}

impl Present {
    pub(super) async fn read(write: &Write, caller: &Caller, batch: &[Candidate]) -> Result<Self, DbErr> {
        let mut present = Self::default();
        let mut by_gallery: HashMap<&str, Vec<&str>> = HashMap::new();
        for Candidate { person, .. } in batch {
            by_gallery.entry(&person.gallery).or_default().push(&person.external_id);
        }
        for (gallery, external_ids) in by_gallery {
            let named = owned(caller)
                .filter(person::Column::Gallery.eq(gallery))
                .filter(person::Column::ExternalId.is_in(external_ids));
            let entry = |person: person::Model| ((person.gallery, person.external_id), person.id);
            present.people.extend(named.all(&**write).await?.into_iter().map(entry));
        }
        let pictures = face::Entity::find()
            .select_only()
            .columns([face::Column::PersonId, face::Column::ImageSha256])
            .filter(face::Column::PersonId.is_in(present.people.values().copied()));
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

    /// Gives a person the id that it has here. Returns whether it is new.
    pub(super) fn place_person(&mut self, person: &mut person::Model) -> bool {
        let key = (person.gallery.clone(), person.external_id.clone());
        if let Some(id) = self.people.get(&key) {
            person.id = *id;
            return false;
        }
        if !self.person_ids.insert(person.id) {
            person.id = PersonId(Uuid::now_v7());
        }
        self.people.insert(key, person.id);
        true
    }

    /// The person's new faces, with the ids that they have here.
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

    /// How many faces the person has, the new ones included.
    pub(super) fn face_count(&self, person: PersonId) -> usize {
        self.pictures.get(&person).map_or(0, HashSet::len)
    }
}
