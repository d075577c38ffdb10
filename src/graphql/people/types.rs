//! The schema types Person, Face and Gallery.

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{face, person};
use futures_util::future::try_join_all;

use crate::graphql::context::ContextExt;
use crate::graphql::execution::complexity;
use crate::graphql::loaders::{FacesOf, ModelsOf};
use crate::graphql::types::faces::FaceQuality;
use crate::graphql::types::models::Model;
use crate::graphql::{ApiError, ErrorCode, ids};
use crate::inference::decimal::widen;
use crate::people::{GalleryCount, People, stored_quality};

/// A person enrolled in a gallery.
pub(in crate::graphql) struct Person(pub(in crate::graphql) person::Model);

impl From<person::Model> for Person {
    fn from(row: person::Model) -> Self {
        Self(row)
    }
}

/// A person enrolled in a gallery.
#[Object]
impl Person {
    /// TypeID, `person_…`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        ids::show(self.0.id)
    }

    /// Name of the person's gallery.
    async fn gallery(&self) -> &str {
        &self.0.gallery
    }

    /// The caller's own key for the person, unique in the gallery, as it was first sent.
    async fn external_id(&self) -> &str {
        &self.0.external_id
    }

    /// Name of the person for display; null if none was given.
    async fn display_name(&self) -> Option<&str> {
        self.0.display_name.as_deref()
    }

    /// The caller's own JSON; null if none was given.
    async fn metadata(&self) -> Option<&serde_json::Value> {
        self.0.metadata.as_ref()
    }

    /// The person's recorded consent to be enrolled.
    async fn consent(&self) -> Consent {
        Consent { granted_at: self.0.consent_granted_at, reference: self.0.consent_reference.clone() }
    }

    /// Number of enrolled faces; 0 if all were deleted.
    async fn face_count(&self, context: &Context<'_>) -> Result<usize, ApiError> {
        Ok(self.rows(context).await?.len())
    }

    /// The enrolled faces, oldest first.
    #[graphql(complexity = "complexity::list(10, child_complexity)")]
    async fn faces(&self, context: &Context<'_>) -> Result<Vec<Face>, ApiError> {
        Ok(self.rows(context).await?.into_iter().map(Face).collect())
    }

    /// Mean of the faces' `quality.overall`, 0 to 1; null if the person has no face.
    async fn quality(&self, context: &Context<'_>) -> Result<Option<f64>, ApiError> {
        let rows = self.rows(context).await?;
        let overall = rows.iter().map(|row| Ok(widen(stored_quality(&row.quality)?.overall)));
        let overall: Vec<f64> = overall.collect::<Result<_, ApiError>>()?;
        #[expect(clippy::cast_precision_loss, reason = "a handful of faces")]
        let mean = overall.iter().sum::<f64>() / overall.len() as f64;
        Ok((!overall.is_empty()).then_some(mean))
    }

    /// When the person was first enrolled.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the person or the set of faces last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

impl Person {
    async fn rows(&self, context: &Context<'_>) -> Result<Vec<face::Model>, ApiError> {
        Ok(context.loaders()?.load_one(FacesOf(self.0.id)).await?.unwrap_or_default())
    }
}

/// A person's recorded consent to be enrolled.
#[derive(SimpleObject)]
struct Consent {
    /// When the person agreed.
    granted_at: DateTime<Utc>,
    /// Where the caller keeps the proof of the consent; null if not given.
    reference: Option<String>,
}

/// An enrolled face of a person: one image, with one template per model. The image itself is not stored.
pub(in crate::graphql) struct Face(pub(in crate::graphql) face::Model);

/// An enrolled face of a person: one image, with one template per model. The image itself is not stored.
#[Object]
impl Face {
    /// TypeID, `face_…`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        ids::show(self.0.id)
    }

    /// The person of the face.
    async fn person(&self, context: &Context<'_>) -> Result<Person, ApiError> {
        let found = context.loaders()?.load_one(self.0.person_id).await?;
        let gone = || ApiError::new(ErrorCode::NotFound, "the person has been deleted");
        found.map(Person).ok_or_else(gone)
    }

    /// The models for which the face has a template.
    async fn models(&self, context: &Context<'_>) -> Result<Vec<Model>, ApiError> {
        let digests = context.loaders()?.load_one(ModelsOf(self.0.id)).await?.unwrap_or_default();
        let models = &context.part::<People>()?.models;
        let cards = try_join_all(digests.iter().map(|digest| models.get(digest))).await?;
        Ok(cards.into_iter().map(Model).collect())
    }

    /// Quality of the face at enrollment.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn quality(&self) -> Result<FaceQuality, ApiError> {
        Ok(stored_quality(&self.0.quality)?.into())
    }

    /// When the face was enrolled.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// A set of people that are searched together. It exists as long as it has people.
#[derive(SimpleObject)]
pub(super) struct Gallery {
    /// Name of the gallery, as sent with its first person.
    name: String,
    /// Number of people in the gallery.
    person_count: i64,
    /// Number of enrolled faces of these people.
    face_count: i64,
}

impl From<GalleryCount> for Gallery {
    fn from(count: GalleryCount) -> Self {
        Self { name: count.gallery, person_count: count.people, face_count: count.faces }
    }
}
