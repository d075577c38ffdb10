//! Enrolled faces and their templates.

use entity::ids::{FaceId, PersonId};
use entity::{face, person, template};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use vision::{FaceQuality, ModelDigest};

use super::lookup::find_in;
use super::{People, PeopleError, PersonRef};
use crate::access::caller::Caller;

impl People {
    /// Returns those of `ids` that are the caller's faces, in no particular order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn faces(&self, caller: &Caller, ids: &[FaceId]) -> Result<Vec<face::Model>, PeopleError> {
        Ok(faces_in(self.database.reader(), caller, ids).await?)
    }

    /// The faces of those of the given people that belong to the caller, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn faces_of(
        &self,
        caller: &Caller,
        people: &[PersonId],
    ) -> Result<Vec<face::Model>, PeopleError> {
        let wanted = face::Column::PersonId.is_in(people.iter().copied());
        let found = owned(caller).filter(wanted).order_by_asc(face::Column::Id);
        Ok(found.all(self.database.reader()).await?)
    }

    /// The models that the caller's faces have templates of, without reading the vectors.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn models_of(
        &self,
        caller: &Caller,
        faces: &[FaceId],
    ) -> Result<Vec<(FaceId, String)>, PeopleError> {
        use sea_orm::QuerySelect;
        let found = template::Entity::find()
            .select_only()
            .column(template::Column::FaceId)
            .column(template::Column::ModelDigest)
            .filter(template::Column::Tenant.eq(caller.tenant.clone()))
            .filter(template::Column::FaceId.is_in(faces.iter().copied()));
        Ok(found.into_tuple().all(self.database.reader()).await?)
    }

    /// Deletes a face with its templates and its chip, and returns its person. Searches that start afterwards do not
    /// find the face.
    ///
    /// # Errors
    /// [`PeopleError::FaceNotFound`] when the caller has no face with that id.
    pub async fn delete_face(&self, caller: &Caller, id: FaceId) -> Result<person::Model, PeopleError> {
        let mut write = self.database.write().await?;
        let found = owned(caller).filter(face::Column::Id.eq(id)).one(&*write).await?;
        let face = found.ok_or(PeopleError::FaceNotFound)?;
        let person = find_in(&*write, caller, &PersonRef::Id(face.person_id)).await?;
        let person = person.ok_or(PeopleError::FaceNotFound)?;
        face::Entity::delete_by_id(id).exec(&*write).await?;
        let person = self.touch(&write, person).await?;
        self.forget_faces(&mut write, &person, vec![id]);
        caller.trail.record(&mut write, [id.into(), person.id.into()]).await?;
        write.commit().await?;
        if face.chip_kept {
            self.remove_chips(&caller.tenant, &[id]).await;
        }
        Ok(person)
    }
}

/// Like [`People::faces`], on any connection or transaction.
pub(super) async fn faces_in(
    database: &impl ConnectionTrait,
    caller: &Caller,
    ids: &[FaceId],
) -> Result<Vec<face::Model>, DbErr> {
    owned(caller).filter(face::Column::Id.is_in(ids.iter().copied())).all(database).await
}

/// The templates that one model computed for `faces`.
pub(super) async fn templates_of(
    database: &impl ConnectionTrait,
    faces: &[FaceId],
    model: &ModelDigest,
) -> Result<Vec<template::Model>, DbErr> {
    template::Entity::find()
        .filter(template::Column::FaceId.is_in(faces.iter().copied()))
        .filter(template::Column::ModelDigest.eq(model.to_string()))
        .all(database)
        .await
}

impl People {
    /// Decodes a stored vector; `None` unless it has the loaded model's dimensions and all values are finite.
    pub(super) fn sound_vector(&self, bytes: &[u8]) -> Option<Vec<f32>> {
        let vector = vector_from_bytes(bytes);
        let whole = bytes.len() == size_of::<f32>() * self.scale.dimensions;
        (whole && vector.iter().all(|number| number.is_finite())).then_some(vector)
    }
}

/// Reads the stored quality of a face.
///
/// # Errors
/// When the stored JSON cannot be read.
pub fn stored_quality(quality: &serde_json::Value) -> Result<FaceQuality, DbErr> {
    serde::Deserialize::deserialize(quality)
        .map_err(|error| DbErr::Json(format!("a face's quality: {error}")))
}

/// Encodes a vector for storage as little-endian f32.
#[must_use]
pub fn vector_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Decodes the vector of a stored template.
pub(super) fn vector_of(template: &template::Model) -> Vec<f32> {
    vector_from_bytes(&template.vector)
}

/// Decodes a stored vector of little-endian f32.
#[must_use]
pub fn vector_from_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect()
}

fn owned(caller: &Caller) -> sea_orm::Select<face::Entity> {
    face::Entity::find().filter(face::Column::Tenant.eq(caller.tenant.clone()))
}
