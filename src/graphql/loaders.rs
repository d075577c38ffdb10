//! Data loaders: batch concurrent lookups into one statement. Each loader belongs to one caller, so that a batch never
//! mixes tenants.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use entity::ids::{ContainerId, ContourId, DetectionId, EncodingId, EnrollmentId, FaceId, ImageId, PersonId};
use entity::{container, contour, detection, encoding, face, image, person};

use super::ApiError;
use super::domains::Domains;
use crate::access::caller::Caller;
use crate::enrollment::Session;

/// The data loaders of one caller.
pub(super) struct Loaders {
    pub(super) caller: Caller,
    pub(super) domains: Arc<Domains>,
}

/// Key of a container's images, oldest first.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ImagesOf(pub(super) ContainerId);

/// Key of an image's encodings, largest face first.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct EncodingsOf(pub(super) ImageId);

/// Key of a person's faces, oldest first.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct FacesOf(pub(super) PersonId);

/// Key of the digests of the models that a face has templates of.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ModelsOf(pub(super) FaceId);

impl Loader<ContainerId> for Loaders {
    type Value = container::Model;
    type Error = ApiError;

    async fn load(&self, ids: &[ContainerId]) -> Result<HashMap<ContainerId, container::Model>, ApiError> {
        let found = self.domains.containers.containers(&self.caller, ids).await?;
        Ok(found.into_iter().map(|container| (container.id, container)).collect())
    }
}

impl Loader<ImageId> for Loaders {
    type Value = image::Model;
    type Error = ApiError;

    async fn load(&self, ids: &[ImageId]) -> Result<HashMap<ImageId, image::Model>, ApiError> {
        let found = self.domains.containers.images(&self.caller, ids).await?;
        Ok(found.into_iter().map(|image| (image.id, image)).collect())
    }
}

impl Loader<EncodingId> for Loaders {
    type Value = encoding::Model;
    type Error = ApiError;

    async fn load(&self, ids: &[EncodingId]) -> Result<HashMap<EncodingId, encoding::Model>, ApiError> {
        let found = self.domains.containers.encodings(&self.caller, ids).await?;
        Ok(found.into_iter().map(|encoding| (encoding.id, encoding)).collect())
    }
}

impl Loader<ImagesOf> for Loaders {
    type Value = Vec<image::Model>;
    type Error = ApiError;

    async fn load(&self, keys: &[ImagesOf]) -> Result<HashMap<ImagesOf, Vec<image::Model>>, ApiError> {
        let containers: Vec<ContainerId> = keys.iter().map(|key| key.0).collect();
        let found = self.domains.containers.images_of(&self.caller, &containers).await?;
        Ok(grouped(found, |image| ImagesOf(image.container_id)))
    }
}

impl Loader<EncodingsOf> for Loaders {
    type Value = Vec<encoding::Model>;
    type Error = ApiError;

    async fn load(
        &self,
        keys: &[EncodingsOf],
    ) -> Result<HashMap<EncodingsOf, Vec<encoding::Model>>, ApiError> {
        let images: Vec<ImageId> = keys.iter().map(|key| key.0).collect();
        let found = self.domains.containers.encodings_of(&self.caller, &images).await?;
        Ok(grouped(found, |encoding| EncodingsOf(encoding.image_id)))
    }
}

impl Loader<PersonId> for Loaders {
    type Value = person::Model;
    type Error = ApiError;

    async fn load(&self, ids: &[PersonId]) -> Result<HashMap<PersonId, person::Model>, ApiError> {
        let found = self.domains.people.people(&self.caller, ids).await?;
        Ok(found.into_iter().map(|person| (person.id, person)).collect())
    }
}

impl Loader<FaceId> for Loaders {
    type Value = face::Model;
    type Error = ApiError;

    async fn load(&self, ids: &[FaceId]) -> Result<HashMap<FaceId, face::Model>, ApiError> {
        let found = self.domains.people.faces(&self.caller, ids).await?;
        Ok(found.into_iter().map(|face| (face.id, face)).collect())
    }
}

impl Loader<FacesOf> for Loaders {
    type Value = Vec<face::Model>;
    type Error = ApiError;

    async fn load(&self, keys: &[FacesOf]) -> Result<HashMap<FacesOf, Vec<face::Model>>, ApiError> {
        let people: Vec<PersonId> = keys.iter().map(|key| key.0).collect();
        let found = self.domains.people.faces_of(&self.caller, &people).await?;
        Ok(grouped(found, |face| FacesOf(face.person_id)))
    }
}

impl Loader<ModelsOf> for Loaders {
    type Value = Vec<String>;
    type Error = ApiError;

    async fn load(&self, keys: &[ModelsOf]) -> Result<HashMap<ModelsOf, Vec<String>>, ApiError> {
        let faces: Vec<FaceId> = keys.iter().map(|key| key.0).collect();
        let found = self.domains.people.models_of(&self.caller, &faces).await?;
        let mut digests: HashMap<ModelsOf, Vec<String>> = HashMap::new();
        for (face, digest) in found {
            digests.entry(ModelsOf(face)).or_default().push(digest);
        }
        Ok(digests)
    }
}

impl Loader<EnrollmentId> for Loaders {
    type Value = Arc<Session>;
    type Error = ApiError;

    async fn load(&self, ids: &[EnrollmentId]) -> Result<HashMap<EnrollmentId, Arc<Session>>, ApiError> {
        let found = self.domains.enrollments.sessions(&self.caller, ids).await?;
        Ok(found.into_iter().map(|session| (session.row.id, Arc::new(session))).collect())
    }
}

impl Loader<DetectionId> for Loaders {
    type Value = detection::Model;
    type Error = ApiError;

    async fn load(&self, ids: &[DetectionId]) -> Result<HashMap<DetectionId, detection::Model>, ApiError> {
        let found = self.domains.detections.detections(&self.caller, ids).await?;
        Ok(found.into_iter().map(|detection| (detection.id, detection)).collect())
    }
}

impl Loader<ContourId> for Loaders {
    type Value = contour::Model;
    type Error = ApiError;

    async fn load(&self, ids: &[ContourId]) -> Result<HashMap<ContourId, contour::Model>, ApiError> {
        let found = self.domains.contours.contours(&self.caller, ids).await?;
        Ok(found.into_iter().map(|contour| (contour.id, contour)).collect())
    }
}

fn grouped<K: Eq + Hash, V>(values: Vec<V>, key: impl Fn(&V) -> K) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for value in values {
        groups.entry(key(&value)).or_default().push(value);
    }
    groups
}
