//! Queries for the rows of containers, images and encodings, and the names of their blobs.

use entity::ids::{ContainerId, ImageId, Tenant};
use entity::{container, encoding, image};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, Select};

use crate::access::caller::Caller;
use crate::store::blobs::BlobName;

/// The job kind for encoding images.
pub(super) const ENCODE_IMAGE: &str = "encode_image";

/// Blob name of an image's bytes.
pub(super) fn blob_name(tenant: &Tenant, id: ImageId) -> BlobName {
    BlobName { tenant: tenant.clone(), kind: IMAGE_BLOBS, owner: id.0 }
}

/// The blob kind of uploaded images.
pub(super) const IMAGE_BLOBS: &str = "images";

/// Selects the caller's containers.
pub(super) fn containers_of(caller: &Caller) -> Select<container::Entity> {
    container::Entity::find().filter(container::Column::Tenant.eq(caller.tenant.clone()))
}

/// Selects the caller's container with that id.
pub(super) fn container_of(caller: &Caller, id: ContainerId) -> Select<container::Entity> {
    containers_of(caller).filter(container::Column::Id.eq(id))
}

/// Selects the caller's images.
pub(super) fn images_of(caller: &Caller) -> Select<image::Entity> {
    image::Entity::find().filter(image::Column::Tenant.eq(caller.tenant.clone()))
}

/// Selects the images of the caller's containers, oldest first.
pub(super) fn images_in(caller: &Caller, containers: &[ContainerId]) -> Select<image::Entity> {
    let wanted = image::Column::ContainerId.is_in(containers.iter().copied());
    images_of(caller).filter(wanted).order_by_asc(image::Column::Id)
}

/// Selects the caller's encodings.
pub(super) fn encodings_of(caller: &Caller) -> Select<encoding::Entity> {
    encoding::Entity::find().filter(encoding::Column::Tenant.eq(caller.tenant.clone()))
}

/// Selects the encodings of the caller's images, each image's largest face first.
pub(super) fn encodings_in(caller: &Caller, images: &[ImageId]) -> Select<encoding::Entity> {
    let wanted = encoding::Column::ImageId.is_in(images.iter().copied());
    let wanted = encodings_of(caller).filter(wanted);
    wanted.order_by_asc(encoding::Column::ImageId).order_by_asc(encoding::Column::Position)
}
