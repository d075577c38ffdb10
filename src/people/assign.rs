//! Assigns assessed faces to a person within one write. Duplicates are decided here, because no other write runs
//! meanwhile.

use chrono::{DateTime, Utc};
use entity::ids::{FaceId, PersonId};
use entity::name_key::NameKey;
use entity::{face, person, template};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder,
};
use serde::Serialize;
use uuid::Uuid;

use super::face::{templates_of, vector_bytes, vector_of};
use super::lookup::{find_by_key, gallery_key};
use super::names::fold;
use super::{Consent, NewFace, People, PeopleError, PersonChanges, PersonKey, Rejected, Rejection};
use crate::access::caller::Caller;
use crate::index::Template;
use crate::store::database::Write;

/// The person to enroll and the changes to the person's data.
#[derive(Clone, Debug, Serialize)]
pub struct EnrollRequest {
    /// The person's key; the person is created if none has it.
    pub key: PersonKey,
    /// Changes to the person's data. A new person requires a consent.
    pub changes: PersonChanges,
    /// Whether the person's existing faces are kept.
    pub mode: EnrollMode,
}

/// How an enrollment treats the faces that the person already has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum EnrollMode {
    /// Keeps them.
    Add,
    /// Replaces them with the new faces in the same write.
    Replace,
}

/// The outcome of an enrollment write.
#[derive(Clone, Debug, Default)]
pub struct Assigned {
    /// The person after the write; `None` if the person did not exist and no face was accepted.
    pub person: Option<person::Model>,
    /// The accepted faces.
    pub accepted: Vec<face::Model>,
    /// The rejected faces, each with its index.
    pub rejected: Vec<Rejected>,
    /// Chips that can be removed after the commit.
    pub(super) former_chips: Vec<FaceId>,
}

impl People {
    /// Accepts those of `faces` that belong to the person, and creates or updates the person. Changes nothing if no
    /// face is accepted. The index is updated after the commit.
    ///
    /// # Errors
    /// [`PeopleError::ConsentRequired`], or when the database or the index fails.
    pub async fn assign(
        &self,
        write: &mut Write,
        caller: &Caller,
        request: &EnrollRequest,
        faces: Vec<(usize, NewFace)>,
    ) -> Result<Assigned, PeopleError> {
        let now = self.clock.now();
        let gallery = gallery_key(&**write, caller, &request.key.gallery).await?;
        let existing = find_by_key(&**write, caller, &gallery, &request.key.external_id).await?;
        let (mut person, is_new) = match existing {
            Some(person) => (person, false),
            None => (unenrolled(caller, request, gallery, now)?, true),
        };
        let former = faces_of(write, person.id).await?;
        let (stay, leaving) = match request.mode {
            EnrollMode::Add => (former, Vec::new()),
            EnrollMode::Replace => (Vec::new(), former),
        };
        let others = self.others(&person, &faces).await?;
        let Chosen { new, repeated, rejected } = self.choose(write, &stay, faces, others).await?;
        if new.is_empty() && repeated.is_empty() {
            let person = (!is_new).then_some(person);
            return Ok(Assigned { person, rejected, ..Assigned::default() });
        }
        request.changes.clone().apply(&mut person);
        if is_new {
            let row = person.clone().into_active_model().reset_all();
            person::Entity::insert(row).exec_without_returning(&**write).await?;
        } else {
            person = self.touch(write, person).await?;
            // The previous values and the removed faces are personal data.
            self.database.erase_after(write);
        }
        let former_chips = leaving.iter().filter(|face| face.chip_kept).map(|face| face.id).collect();
        let leaving: Vec<FaceId> = leaving.into_iter().map(|face| face.id).collect();
        if !leaving.is_empty() {
            let gone = face::Column::Id.is_in(leaving.iter().copied());
            face::Entity::delete_many().filter(gone).exec(&**write).await?;
        }
        let mut accepted = repeated;
        accepted.extend(self.insert(write, &person, &new, now).await?);
        self.follow(write, &person, leaving, new);
        Ok(Assigned { person: Some(person), accepted, rejected, former_chips })
    }

    /// For each face, the other person of the gallery whose face it clearly is, if any.
    async fn others(
        &self,
        person: &person::Model,
        faces: &[(usize, NewFace)],
    ) -> Result<Vec<Option<PersonId>>, PeopleError> {
        let (index, collection) = (self.index.clone(), self.collection(&person.tenant, &person.gallery_key));
        let person = person.id;
        let vectors: Vec<Vec<f32>> = faces.iter().map(|(_, face)| face.vector.clone()).collect();
        let clearly = self.scale.matching.search.matched;
        // Two people are enough: the person and one other.
        let search = move || {
            let of_other = |vector: Vec<f32>| {
                let found = index.search(&collection, &vector, 2, clearly)?;
                Ok(found.matches.into_iter().map(|found| found.person).find(|found| *found != person))
            };
            vectors.into_iter().map(of_other).collect::<Result<_, PeopleError>>()
        };
        let searching = tokio::task::spawn_blocking(search);
        searching.await.map_err(|panic| PeopleError::internal(format!("a search: {panic}")))?
    }

    async fn choose(
        &self,
        write: &Write,
        stay: &[face::Model],
        faces: Vec<(usize, NewFace)>,
        others: Vec<Option<PersonId>>,
    ) -> Result<Chosen, PeopleError> {
        let ids: Vec<FaceId> = stay.iter().map(|face| face.id).collect();
        let known = templates_of(&**write, &ids, &self.scale.model).await?;
        let mut known: Vec<Vec<f32>> = known.iter().map(vector_of).collect();
        let mut chosen = Chosen::default();
        let limit = self.config.faces_per_person;
        for ((index, face), other) in faces.into_iter().zip(others) {
            let same_picture = |known: &&face::Model| known.image_sha256 == face.image_sha256;
            if let Some(repeated) = stay.iter().find(same_picture) {
                if chosen.repeated.iter().all(|known| known.id != repeated.id) {
                    chosen.repeated.push(repeated.clone());
                }
                continue;
            }
            if chosen.new.iter().any(|known| known.image_sha256 == face.image_sha256) {
                continue;
            }
            let reason = if let Some(conflicting) = other {
                Rejection::DuplicatePerson { conflicting }
            } else if !self.like_one_of(&known, &face.vector) {
                Rejection::DifferentPerson
            } else if stay.len() + chosen.new.len() >= limit {
                Rejection::FaceLimitReached { limit }
            } else {
                known.push(face.vector.clone());
                chosen.new.push(face);
                continue;
            };
            chosen.rejected.push(Rejected { index, reason });
        }
        Ok(chosen)
    }

    /// Whether a face can belong to the person with these templates; always true without templates.
    fn like_one_of(&self, known: &[Vec<f32>], vector: &[f32]) -> bool {
        let possible = self.scale.matching.verify.possible;
        let near = |known: &Vec<f32>| self.scale.metric.distance(known, vector) <= possible;
        known.is_empty() || known.iter().any(near)
    }

    async fn insert(
        &self,
        write: &Write,
        person: &person::Model,
        new: &[NewFace],
        now: DateTime<Utc>,
    ) -> Result<Vec<face::Model>, PeopleError> {
        let row = |new: &NewFace| {
            Ok(face::Model {
                id: new.id,
                tenant: person.tenant.clone(),
                person_id: person.id,
                image_sha256: new.image_sha256.clone(),
                quality: serde_json::to_value(&new.quality)
                    .map_err(|error| DbErr::Json(error.to_string()))?,
                chip_kept: new.chip_kept,
                created_at: now,
            })
        };
        let rows: Vec<face::Model> = new.iter().map(row).collect::<Result<_, DbErr>>()?;
        let model = self.scale.model.to_string();
        let templates = new.iter().map(|new| template::ActiveModel {
            face_id: Set(new.id),
            model_digest: Set(model.clone()),
            tenant: Set(person.tenant.clone()),
            vector: Set(vector_bytes(&new.vector)),
        });
        let faces = rows.iter().cloned().map(|row| row.into_active_model().reset_all());
        face::Entity::insert_many(faces).exec_without_returning(&**write).await?;
        template::Entity::insert_many(templates).exec_without_returning(&**write).await?;
        Ok(rows)
    }

    /// Updates the index after `write` is committed.
    fn follow(&self, write: &mut Write, person: &person::Model, leaving: Vec<FaceId>, new: Vec<NewFace>) {
        let (index, collection) = (self.index.clone(), self.collection(&person.tenant, &person.gallery_key));
        let person = person.id;
        write.after_commit(move || {
            let added: Vec<Template<'_>> =
                new.iter().map(|NewFace { id, vector, .. }| Template { face: *id, person, vector }).collect();
            if let Err(error) = index.replace(&collection, &leaving, &added) {
                tracing::error!(%error, "the index no longer matches the database; restart to rebuild it");
            }
        });
    }
}

/// Assessed faces, grouped by outcome.
#[derive(Default)]
struct Chosen {
    new: Vec<NewFace>,
    /// Already enrolled from the same image.
    repeated: Vec<face::Model>,
    rejected: Vec<Rejected>,
}

/// A new person with the request's key and no data but the consent.
fn unenrolled(
    caller: &Caller,
    EnrollRequest { key, changes, .. }: &EnrollRequest,
    gallery_key: NameKey,
    now: DateTime<Utc>,
) -> Result<person::Model, PeopleError> {
    let Consent { granted_at, reference } = changes.consent.clone().ok_or(PeopleError::ConsentRequired)?;
    Ok(person::Model {
        id: PersonId(Uuid::now_v7()),
        tenant: caller.tenant.clone(),
        keys_as_sent: gallery_key != NameKey::normal(&key.gallery),
        gallery: key.gallery.clone(),
        gallery_key,
        external_id: key.external_id.clone(),
        external_id_key: NameKey::normal(&key.external_id),
        external_id_folded: fold(&key.external_id),
        display_name: None,
        display_name_folded: None,
        metadata: None,
        consent_granted_at: granted_at,
        consent_reference: reference,
        created_at: now,
        updated_at: now,
    })
}

async fn faces_of(write: &Write, person: PersonId) -> Result<Vec<face::Model>, DbErr> {
    face::Entity::find()
        .filter(face::Column::PersonId.eq(person))
        .order_by_asc(face::Column::Id)
        .all(&**write)
        .await
}
