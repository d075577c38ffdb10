//! Container, Image and Encoding as clients see them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use entity::{container, encoding, image};
use futures_util::future::try_join_all;

use crate::decimal::widen;
use crate::graphql::context::ContextExt;
use crate::graphql::cost;
use crate::graphql::faces::{DetectedFace, MatchDecision};
use crate::graphql::images::ImageError;
use crate::graphql::loaders::{EncodingsOf, ImagesOf};
use crate::graphql::models::Model;
use crate::graphql::numbers::Numbers;
use crate::graphql::shown::Shown;
use crate::graphql::{ApiError, ErrorCode, ids};
use crate::verification::{self, ImageState, Snapshot, Verification};

/// A few images of a face each, encoded in the background and compared.
pub(in crate::graphql) enum Container {
    /// Its row; what is in it is loaded when asked for.
    Row(container::Model),
    /// With all that is in it.
    Whole(Arc<Snapshot>),
}

/// A few images of a face each, encoded in the background and compared.
#[Object]
impl Container {
    /// Its TypeID, `container_…`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        ids::show(self.row().id)
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row().created_at
    }

    /// The caller's own JSON.
    async fn metadata(&self) -> Option<&serde_json::Value> {
        self.row().metadata.as_ref()
    }

    /// How many images it takes.
    async fn image_limit(&self) -> i32 {
        self.row().image_limit
    }

    /// Oldest first; at most imageLimit.
    #[graphql(complexity = "cost::list(5, child_complexity)")]
    async fn images(&self, context: &Context<'_>) -> Result<Vec<Image>, ApiError> {
        self.contents(context).await
    }

    /// True when no image is PROCESSING.
    async fn settled(&self, context: &Context<'_>) -> Result<bool, ApiError> {
        let images = self.contents(context).await?;
        Ok(images.iter().all(|image| image.row().status != image::Status::Processing))
    }

    /// Each completed image's largest face against every other image's; null until two such faces exist, and when
    /// the model's thresholds are not known.
    #[graphql(complexity = "cost::list(10, child_complexity)")]
    async fn comparison(&self, context: &Context<'_>) -> Result<Option<ContainerComparison>, ApiError> {
        let images = self.contents(context).await?;
        let encodings = try_join_all(images.iter().map(|image| image.rows(context))).await?;
        let faces: Vec<Arc<encoding::Model>> =
            encodings.into_iter().filter_map(|rows| rows.into_iter().next()).collect();
        let Some(first) = faces.first() else { return Ok(None) };
        let card = context.part::<Verification>()?.models.get(&first.model_digest).await?;
        Ok(verification::compare(&faces, &card).map(ContainerComparison::from))
    }
}

impl Container {
    fn row(&self) -> &container::Model {
        match self {
            Self::Row(row) => row,
            Self::Whole(snapshot) => &snapshot.container,
        }
    }

    async fn contents(&self, context: &Context<'_>) -> Result<Vec<Image>, ApiError> {
        match self {
            Self::Whole(snapshot) => Ok(snapshot.images.iter().cloned().map(Image::State).collect()),
            Self::Row(row) => {
                let rows = context.loaders()?.load_one(ImagesOf(row.id)).await?.unwrap_or_default();
                Ok(rows.into_iter().map(Image::from).collect())
            }
        }
    }
}

impl From<container::Model> for Container {
    fn from(row: container::Model) -> Self {
        Self::Row(row)
    }
}

/// Where an image stands.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "image::Status")]
pub(in crate::graphql) enum ImageStatus {
    /// Stored; its encoding is under way.
    Processing,
    /// Encoded. It may show no face, then it has no encodings.
    Completed,
    /// Given up; error says why.
    Failed,
}

/// An uploaded image of a container.
pub(in crate::graphql) enum Image {
    /// As it is in the database; its encodings are loaded when asked for.
    Row(Box<image::Model>),
    /// With its encodings.
    State(Arc<ImageState>),
}

/// An uploaded image of a container.
#[Object]
impl Image {
    /// Its TypeID, `image_…`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        ids::show(self.row().id)
    }

    /// The container it belongs to.
    async fn container(&self, context: &Context<'_>) -> Result<Container, ApiError> {
        let found = context.loaders()?.load_one(self.row().container_id).await?;
        let gone = || ApiError::new(ErrorCode::NotFound, "the container has been deleted");
        found.map(Container::from).ok_or_else(gone)
    }

    /// Where it stands.
    async fn status(&self) -> ImageStatus {
        self.row().status.into()
    }

    /// When it was uploaded.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row().created_at
    }

    /// When it became COMPLETED or FAILED.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.row().completed_at
    }

    /// Rises by one with each change of this image; a subscriber drops what it has seen.
    async fn revision(&self) -> i32 {
        self.row().revision
    }

    /// How often its encoding was begun.
    async fn attempts(&self) -> i32 {
        self.row().attempts
    }

    /// MIME type by content, not by name.
    async fn content_type(&self) -> &str {
        &self.row().content_type
    }

    /// Size of the file, in bytes.
    async fn byte_size(&self) -> i64 {
        self.row().byte_size
    }

    /// SHA-256 of the file, lower-case hexadecimal.
    async fn sha256(&self) -> &str {
        &self.row().sha256
    }

    /// Width in pixels, as a person sees it.
    async fn width(&self) -> Option<i32> {
        Some(self.row().width)
    }

    /// Height in pixels, as a person sees it.
    async fn height(&self) -> Option<i32> {
        Some(self.row().height)
    }

    /// One for each face, largest first; empty until COMPLETED, and when it shows no face.
    #[graphql(complexity = "cost::list(3, child_complexity)")]
    async fn encodings(&self, context: &Context<'_>) -> Result<Vec<Encoding>, ApiError> {
        Ok(self.rows(context).await?.into_iter().map(Encoding).collect())
    }

    /// Why it FAILED; null otherwise.
    async fn error(&self) -> Option<ImageError> {
        let row = self.row();
        ImageError::stored(row.error_code.as_deref(), row.error_message.as_deref())
    }
}

impl Image {
    fn row(&self) -> &image::Model {
        match self {
            Self::Row(row) => row,
            Self::State(state) => &state.image,
        }
    }

    async fn rows(&self, context: &Context<'_>) -> Result<Vec<Arc<encoding::Model>>, ApiError> {
        match self {
            Self::State(state) => Ok(state.encodings.clone()),
            Self::Row(row) if row.status != image::Status::Completed => Ok(Vec::new()),
            Self::Row(row) => {
                let rows = context.loaders()?.load_one(EncodingsOf(row.id)).await?.unwrap_or_default();
                Ok(rows.into_iter().map(Arc::new).collect())
            }
        }
    }
}

impl From<image::Model> for Image {
    fn from(row: image::Model) -> Self {
        Self::Row(Box::new(row))
    }
}

/// A face as numbers.
pub(in crate::graphql) struct Encoding(Arc<encoding::Model>);

/// A face as numbers.
#[Object]
impl Encoding {
    /// Its TypeID, `encoding_…`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        ids::show(self.0.id)
    }

    /// Unscaled values as the model gave them; the length is the model's (128 for the default).
    async fn vector(&self) -> Shown<Numbers> {
        Shown::new(self.0.id, Numbers(Bytes::copy_from_slice(&self.0.vector)))
    }

    /// How many values the vector has.
    async fn dimensions(&self) -> usize {
        self.0.vector.len() / size_of::<f64>()
    }

    /// The model that gave it.
    async fn model(&self, context: &Context<'_>) -> Result<Model, ApiError> {
        let models = &context.part::<Verification>()?.models;
        Ok(Model(models.get(&self.0.model_digest).await?))
    }

    /// The face; null when an external encoding service gave the vector alone.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn face(&self) -> Result<Option<DetectedFace>, ApiError> {
        let face = verification::stored_face(&self.0)?;
        Ok(face.map(DetectedFace::from))
    }
}

impl From<encoding::Model> for Encoding {
    fn from(row: encoding::Model) -> Self {
        Self(Arc::new(row))
    }
}

/// Do the images of a container show one person?
#[derive(SimpleObject)]
struct ContainerComparison {
    /// True when every pair is a MATCH.
    same_person: bool,
    /// Each pair of images once.
    pairs: Vec<EncodingPair>,
}

/// Two faces compared.
#[derive(SimpleObject)]
struct EncodingPair {
    /// The face of the earlier image.
    a: Encoding,
    /// The face of the later image.
    b: Encoding,
    /// By the model's own metric; smaller is more alike.
    distance: f64,
    /// 0 to 1, with the model's MATCH threshold at 0.5.
    similarity: f64,
    /// By the model's thresholds for one to one.
    decision: MatchDecision,
}

impl From<verification::Comparison> for ContainerComparison {
    fn from(comparison: verification::Comparison) -> Self {
        let pairs = comparison.pairs.into_iter().map(|pair| EncodingPair {
            a: Encoding(pair.a),
            b: Encoding(pair.b),
            distance: widen(pair.distance),
            similarity: widen(pair.similarity),
            decision: pair.decision.into(),
        });
        Self { same_person: comparison.same_person, pairs: pairs.collect() }
    }
}
