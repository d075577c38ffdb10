//! Mutations that create and delete containers, and upload and retry images.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::ids::{ContainerId, ImageId};

use super::{Container, Image};
use crate::containers::Containers;
use crate::graphql::context::ContextExt;
use crate::graphql::execution::complexity;
use crate::graphql::types::images::ImageInput;
use crate::graphql::types::metadata::Metadata;
use crate::graphql::{ApiError, ids};

#[derive(Default)]
pub(in crate::graphql) struct ContainerMutation;

#[Object]
impl ContainerMutation {
    /// Creates an empty container. Errors: `BAD_USER_INPUT`, `CONFLICT`.
    #[graphql(complexity = "complexity::act(child_complexity)")]
    async fn create_container(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Optional properties of the container.")] input: Option<CreateContainerInput>,
    ) -> Result<CreateContainerPayload, ApiError> {
        let (caller, input) = (context.writer()?, input.unwrap_or_default());
        let containers = context.part::<Containers>()?;
        let key = input.idempotency_key.as_deref();
        let metadata = input.metadata.map(|metadata| metadata.kept(context)).transpose()?;
        let container = containers.create_container(caller, metadata, key).await?;
        Ok(CreateContainerPayload { container: container.into() })
    }

    /// Stores an image in a container and returns immediately with the image PROCESSING; its faces are encoded in the
    /// background. Follow it with `imageStatusChanged`. Errors: those of `ImageInput`, `NOT_FOUND`,
    /// `IMAGE_LIMIT_REACHED`, `BAD_USER_INPUT`, `CONFLICT`.
    #[graphql(complexity = "complexity::look(1, child_complexity)")]
    async fn upload_image(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The image and its container.")] input: UploadImageInput,
    ) -> Result<UploadImagePayload, ApiError> {
        let caller = context.writer()?;
        let container: ContainerId = context.target(&input.container_id)?;
        let bytes = input.image.bytes(context).await?;
        let containers = context.part::<Containers>()?;
        let image = containers.upload(caller, container, bytes, input.idempotency_key.as_deref()).await?;
        Ok(UploadImagePayload { image: image.into() })
    }

    /// Processes a FAILED image again. It already counts toward the container's limit. Errors: `NOT_FOUND`,
    /// `IMAGE_NOT_RETRYABLE`.
    #[graphql(complexity = "complexity::look(1, child_complexity)")]
    async fn retry_image(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The image to retry.")] input: RetryImageInput,
    ) -> Result<RetryImagePayload, ApiError> {
        let caller = context.writer()?;
        let id: ImageId = context.target(&input.image_id)?;
        let image = context.part::<Containers>()?.retry_image(caller, id).await?;
        Ok(RetryImagePayload { image: image.into() })
    }

    /// Deletes a container with its images, encodings and files, cancels their jobs and ends its subscriptions. Error:
    /// `NOT_FOUND`.
    #[graphql(complexity = "complexity::act(child_complexity)")]
    async fn delete_container(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The container to delete.")] input: DeleteContainerInput,
    ) -> Result<DeleteContainerPayload, ApiError> {
        let caller = context.writer()?;
        let id: ContainerId = context.target(&input.container_id)?;
        context.part::<Containers>()?.delete_container(caller, id).await?;
        Ok(DeleteContainerPayload { deleted_container_id: ids::show(id) })
    }
}

/// Optional properties of a new container.
#[derive(Default, InputObject)]
struct CreateContainerInput {
    /// The caller's own JSON, stored and returned but not interpreted: up to 16,384 bytes and 64 levels of nesting. The
    /// order of keys is not preserved. A number that does not fit 64 bits exactly is `BAD_USER_INPUT`: send it as a
    /// string.
    metadata: Option<Metadata>,
    /// 1 to 255 bytes. Repeating the mutation with the same key and input returns the first container; a different
    /// input is `CONFLICT`.
    idempotency_key: Option<String>,
}

/// Result of `createContainer`.
#[derive(SimpleObject)]
struct CreateContainerPayload {
    /// The new container, or the first one created with this idempotency key.
    container: Container,
}

/// An image and the container to store it in.
#[derive(InputObject)]
struct UploadImageInput {
    /// Id of the container, `container_…`.
    container_id: ID,
    /// The image: JPEG, PNG, WebP, GIF (first frame only) or BMP.
    image: ImageInput,
    /// 1 to 255 bytes, unique in the container. Repeating the mutation with the same key and file returns the first
    /// image; a different file is `CONFLICT`.
    idempotency_key: Option<String>,
}

/// Result of `uploadImage`.
#[derive(SimpleObject)]
struct UploadImagePayload {
    /// The new image, or the first one uploaded with this idempotency key.
    image: Image,
}

/// The image to retry.
#[derive(InputObject)]
struct RetryImageInput {
    /// Id of the image, `image_…`.
    image_id: ID,
}

/// Result of `retryImage`.
#[derive(SimpleObject)]
struct RetryImagePayload {
    /// The image, PROCESSING again.
    image: Image,
}

/// The container to delete.
#[derive(InputObject)]
struct DeleteContainerInput {
    /// Id of the container, `container_…`.
    container_id: ID,
}

/// Result of `deleteContainer`.
#[derive(SimpleObject)]
struct DeleteContainerPayload {
    /// Id of the deleted container.
    deleted_container_id: ID,
}
