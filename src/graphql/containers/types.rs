//! The schema types Container, Image and Encoding.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use entity::{container, encoding, image};
use futures_util::future::try_join_all;

use crate::containers;
use crate::containers::{Containers, ImageState, Snapshot};
use crate::graphql::context::ContextExt;
use crate::graphql::execution::audited_field::AuditedField;
use crate::graphql::execution::complexity;
use crate::graphql::loaders::{EncodingsOf, ImagesOf};
use crate::graphql::types::faces::{DetectedFace, MatchDecision};
use crate::graphql::types::float_list::Numbers;
use crate::graphql::types::images::ImageError;
use crate::graphql::types::models::Model;
use crate::graphql::{ApiError, ErrorCode, ids};
use crate::inference::decimal::widen;

/// A container, with or without its contents.
pub(in crate::graphql) enum Container {
    /// The row alone; the contents are loaded on request.
    Row(container::Model),
    /// A snapshot with all contents.
    Whole(Arc<Snapshot>),
}

/// A small set of images, usually of one face each, which are encoded in the background and compared with each other.
#[Object]
impl Container {
    /// TypeID, `container_…`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        ids::show(self.row().id)
    }

    /// When the container was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row().created_at
    }

    /// The caller's own JSON; null if none was given.
    async fn metadata(&self) -> Option<&serde_json::Value> {
        self.row().metadata.as_ref()
    }

    /// Maximum number of images in the container.
    async fn image_limit(&self) -> i32 {
        self.row().image_limit
    }

    /// The images in the container, oldest first; at most `imageLimit`.
    #[graphql(complexity = "complexity::list(5, child_complexity)")]
    async fn images(&self, context: &Context<'_>) -> Result<Vec<Image>, ApiError> {
        self.contents(context).await
    }

    /// True if no image is PROCESSING; also true for an empty container.
    async fn settled(&self, context: &Context<'_>) -> Result<bool, ApiError> {
        let images = self.contents(context).await?;
        Ok(images.iter().all(|image| image.row().status != image::Status::Processing))
    }

    /// Compares the largest face of each COMPLETED image with that of every other one. Null until two images with a
    /// face are COMPLETED, if the encodings come from different models, or if the model's thresholds are unknown.
    #[graphql(complexity = "complexity::list(10, child_complexity)")]
    async fn comparison(&self, context: &Context<'_>) -> Result<Option<ContainerComparison>, ApiError> {
        let images = self.contents(context).await?;
        let encodings = try_join_all(images.iter().map(|image| image.rows(context))).await?;
        let faces: Vec<Arc<encoding::Model>> =
            encodings.into_iter().filter_map(|rows| rows.into_iter().next()).collect();
        let Some(first) = faces.first() else { return Ok(None) };
        let card = context.part::<Containers>()?.models.get(&first.model_digest).await?;
        Ok(containers::compare(&faces, &card).map(ContainerComparison::from))
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

/// State of an image.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "image::Status")]
pub(in crate::graphql) enum ImageStatus {
    /// Stored; waiting to be encoded, or being encoded.
    Processing,
    /// Encoded. An image without a face has no encodings.
    Completed,
    /// Encoding failed for good; `error` says why. See `retryImage`.
    Failed,
}

/// An image, with or without its encodings.
pub(in crate::graphql) enum Image {
    /// The row alone; the encodings are loaded on request.
    Row(Box<image::Model>),
    /// The row with its encodings.
    State(Arc<ImageState>),
}

/// An image in a container, with the encodings of its faces.
#[Object]
impl Image {
    /// TypeID, `image_…`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        ids::show(self.row().id)
    }

    /// The container of the image.
    async fn container(&self, context: &Context<'_>) -> Result<Container, ApiError> {
        let found = context.loaders()?.load_one(self.row().container_id).await?;
        let gone = || ApiError::new(ErrorCode::NotFound, "the container has been deleted");
        found.map(Container::from).ok_or_else(gone)
    }

    /// State of the image.
    async fn status(&self) -> ImageStatus {
        self.row().status.into()
    }

    /// When the image was uploaded.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row().created_at
    }

    /// When the image became COMPLETED or FAILED; null while it is PROCESSING.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.row().completed_at
    }

    /// Revision number, incremented with every change of the image. Subscribers may ignore revisions they have seen.
    async fn revision(&self) -> i32 {
        self.row().revision
    }

    /// Number of attempts at encoding the image, including the present one.
    async fn attempts(&self) -> i32 {
        self.row().attempts
    }

    /// MIME type, determined from the file's content.
    async fn content_type(&self) -> &str {
        &self.row().content_type
    }

    /// Size of the uploaded file in bytes.
    async fn byte_size(&self) -> i64 {
        self.row().byte_size
    }

    /// SHA-256 of the uploaded file, 64 lower-case hexadecimal digits.
    async fn sha256(&self) -> &str {
        &self.row().sha256
    }

    /// Width in pixels, after the EXIF orientation is applied.
    async fn width(&self) -> Option<i32> {
        Some(self.row().width)
    }

    /// Height in pixels, after the EXIF orientation is applied.
    async fn height(&self) -> Option<i32> {
        Some(self.row().height)
    }

    /// One encoding per face, largest face first. Empty until COMPLETED, or if the image shows no face.
    #[graphql(complexity = "complexity::list(3, child_complexity)")]
    async fn encodings(&self, context: &Context<'_>) -> Result<Vec<Encoding>, ApiError> {
        Ok(self.rows(context).await?.into_iter().map(Encoding).collect())
    }

    /// Why the image FAILED; null otherwise.
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

/// An encoding.
pub(in crate::graphql) struct Encoding(Arc<encoding::Model>);

/// A face encoded as a vector by a model. Vectors of the same model can be compared.
#[Object]
impl Encoding {
    /// TypeID, `encoding_…`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        ids::show(self.0.id)
    }

    /// The vector as returned by the model, not normalized; `dimensions` values (128 for the default model). Reading
    /// this field is recorded in the audit log.
    async fn vector(&self) -> AuditedField<Numbers> {
        AuditedField::new(self.0.id, Numbers(Bytes::copy_from_slice(&self.0.vector)))
    }

    /// Number of values in the vector.
    async fn dimensions(&self) -> usize {
        self.0.vector.len() / size_of::<f64>()
    }

    /// The model that computed the vector.
    async fn model(&self, context: &Context<'_>) -> Result<Model, ApiError> {
        let models = &context.part::<Containers>()?.models;
        Ok(Model(models.get(&self.0.model_digest).await?))
    }

    /// The detected face; null if an external encoding service returned the vector alone.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn face(&self) -> Result<Option<DetectedFace>, ApiError> {
        let face = containers::stored_face(&self.0)?;
        Ok(face.map(DetectedFace::from))
    }
}

impl From<encoding::Model> for Encoding {
    fn from(row: encoding::Model) -> Self {
        Self(Arc::new(row))
    }
}

/// Whether the images of a container show one person.
#[derive(SimpleObject)]
struct ContainerComparison {
    /// True if the decision of every pair is MATCH.
    same_person: bool,
    /// Every pair of images once.
    pairs: Vec<EncodingPair>,
}

/// A comparison of two faces of a container.
#[derive(SimpleObject)]
struct EncodingPair {
    /// The face of the earlier image.
    a: Encoding,
    /// The face of the later image.
    b: Encoding,
    /// Distance by the model's metric, 0 or more; smaller means more similar.
    distance: f64,
    /// Similarity from 0 to 1; 0.5 is the model's MATCH threshold. Not a probability.
    similarity: f64,
    /// Decision by the model's thresholds for 1:1 comparison.
    decision: MatchDecision,
}

impl From<containers::Comparison> for ContainerComparison {
    fn from(comparison: containers::Comparison) -> Self {
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
