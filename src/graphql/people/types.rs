//! Person, Face and Gallery as clients see them.

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{face, person};
use futures_util::future::try_join_all;

use crate::decimal::widen;
use crate::graphql::context::ContextExt;
use crate::graphql::cost;
use crate::graphql::faces::FaceQuality;
use crate::graphql::loaders::{FacesOf, ModelsOf};
use crate::graphql::models::Model;
use crate::graphql::{ApiError, ErrorCode, ids};
use crate::people::{GalleryCount, People, stored_quality};

/// A person whose face is known in a gallery.
pub(in crate::graphql) struct Person(pub(in crate::graphql) person::Model);

impl From<person::Model> for Person {
    fn from(row: person::Model) -> Self {
        Self(row)
    }
}

/// A person whose face is known in a gallery.
#[Object]
impl Person {
    /// Its TypeID, `person_…`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        ids::show(self.0.id)
    }

    /// The gallery that the person is in.
    async fn gallery(&self) -> &str {
        &self.0.gallery
    }

    /// The caller's own key for this person, unique in its gallery, as it was first sent.
    async fn external_id(&self) -> &str {
        &self.0.external_id
    }

    /// What people call the person.
    async fn display_name(&self) -> Option<&str> {
        self.0.display_name.as_deref()
    }

    /// The caller's own JSON.
    async fn metadata(&self) -> Option<&serde_json::Value> {
        self.0.metadata.as_ref()
    }

    /// That the person agreed to be enrolled.
    async fn consent(&self) -> Consent {
        Consent { granted_at: self.0.consent_granted_at, reference: self.0.consent_reference.clone() }
    }

    /// How many faces of the person are enrolled.
    async fn face_count(&self, context: &Context<'_>) -> Result<usize, ApiError> {
        Ok(self.rows(context).await?.len())
    }

    /// The enrolled faces, oldest first.
    #[graphql(complexity = "cost::list(10, child_complexity)")]
    async fn faces(&self, context: &Context<'_>) -> Result<Vec<Face>, ApiError> {
        Ok(self.rows(context).await?.into_iter().map(Face).collect())
    }

    /// Mean overall quality of the faces; null when there are none.
    async fn quality(&self, context: &Context<'_>) -> Result<Option<f64>, ApiError> {
        let rows = self.rows(context).await?;
        let overall = rows.iter().map(|row| Ok(widen(stored_quality(&row.quality)?.overall)));
        let overall: Vec<f64> = overall.collect::<Result<_, ApiError>>()?;
        #[expect(clippy::cast_precision_loss, reason = "a handful of faces")]
        let mean = overall.iter().sum::<f64>() / overall.len() as f64;
        Ok((!overall.is_empty()).then_some(mean))
    }

    /// When the person was enrolled.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the person or one of the faces changed last.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

impl Person {
    async fn rows(&self, context: &Context<'_>) -> Result<Vec<face::Model>, ApiError> {
        Ok(context.loaders()?.load_one(FacesOf(self.0.id)).await?.unwrap_or_default())
    }
}

/// That a person agreed to be enrolled.
#[derive(SimpleObject)]
struct Consent {
    /// When.
    granted_at: DateTime<Utc>,
    /// Where the caller keeps the proof of it.
    reference: Option<String>,
}

/// One enrolled picture of a person, with one template per model.
pub(in crate::graphql) struct Face(pub(in crate::graphql) face::Model);

/// One enrolled picture of a person, with one template per model.
#[Object]
impl Face {
    /// Its TypeID, `face_…`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        ids::show(self.0.id)
    }

    /// Whose face it is.
    async fn person(&self, context: &Context<'_>) -> Result<Person, ApiError> {
        let found = context.loaders()?.load_one(self.0.person_id).await?;
        let gone = || ApiError::new(ErrorCode::NotFound, "the person has been deleted");
        found.map(Person).ok_or_else(gone)
    }

    /// The models that it has a template of.
    async fn models(&self, context: &Context<'_>) -> Result<Vec<Model>, ApiError> {
        let digests = context.loaders()?.load_one(ModelsOf(self.0.id)).await?.unwrap_or_default();
        let models = &context.part::<People>()?.models;
        let cards = try_join_all(digests.iter().map(|digest| models.get(digest))).await?;
        Ok(cards.into_iter().map(Model).collect())
    }

    /// How well it can be seen.
    #[expect(clippy::unused_async, reason = "every resolver must be")]
    async fn quality(&self) -> Result<FaceQuality, ApiError> {
        Ok(stored_quality(&self.0.quality)?.into())
    }

    /// When it was enrolled.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// A set of people that are searched together.
#[derive(SimpleObject)]
pub(super) struct Gallery {
    /// Its name, as its first person was enrolled.
    name: String,
    /// How many people are in it.
    person_count: i64,
    /// How many faces they have.
    face_count: i64,
}

impl From<GalleryCount> for Gallery {
    fn from(count: GalleryCount) -> Self {
        Self { name: count.gallery, person_count: count.people, face_count: count.faces }
    }
}
