//! Gathers lookups that are made at the same time into one statement. Each loader belongs to one caller, so no
//! key of another tenant can meet it.

use std::collections::HashMap;
use std::hash::Hash;

use async_graphql::dataloader::Loader;
use entity::ids::{ContainerId, EncodingId, ImageId};
use entity::{container, encoding, image};

use super::ApiError;
use crate::caller::Caller;
use crate::verification::Verification;

/// Loads for one caller.
pub(super) struct Loaders {
    pub(super) caller: Caller,
    pub(super) verification: Verification,
}

/// Asks for the images of a container, oldest first.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ImagesOf(pub(super) ContainerId);

/// Asks for the encodings of an image, largest face first.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct EncodingsOf(pub(super) ImageId);

impl Loader<ContainerId> for Loaders {
    type Value = container::Model;
    type Error = ApiError;

    async fn load(&self, ids: &[ContainerId]) -> Result<HashMap<ContainerId, container::Model>, ApiError> {
        let found = self.verification.containers(&self.caller, ids).await?;
        Ok(found.into_iter().map(|container| (container.id, container)).collect())
    }
}

impl Loader<ImageId> for Loaders {
    type Value = image::Model;
    type Error = ApiError;

    async fn load(&self, ids: &[ImageId]) -> Result<HashMap<ImageId, image::Model>, ApiError> {
        let found = self.verification.images(&self.caller, ids).await?;
        Ok(found.into_iter().map(|image| (image.id, image)).collect())
    }
}

impl Loader<EncodingId> for Loaders {
    type Value = encoding::Model;
    type Error = ApiError;

    async fn load(&self, ids: &[EncodingId]) -> Result<HashMap<EncodingId, encoding::Model>, ApiError> {
        let found = self.verification.encodings(&self.caller, ids).await?;
        Ok(found.into_iter().map(|encoding| (encoding.id, encoding)).collect())
    }
}

impl Loader<ImagesOf> for Loaders {
    type Value = Vec<image::Model>;
    type Error = ApiError;

    async fn load(&self, keys: &[ImagesOf]) -> Result<HashMap<ImagesOf, Vec<image::Model>>, ApiError> {
        let containers: Vec<ContainerId> = keys.iter().map(|key| key.0).collect();
        let found = self.verification.images_of(&self.caller, &containers).await?;
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
        let found = self.verification.encodings_of(&self.caller, &images).await?;
        Ok(grouped(found, |encoding| EncodingsOf(encoding.image_id)))
    }
}

fn grouped<K: Eq + Hash, V>(values: Vec<V>, key: impl Fn(&V) -> K) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for value in values {
        groups.entry(key(&value)).or_default().push(value);
    }
    groups
}
