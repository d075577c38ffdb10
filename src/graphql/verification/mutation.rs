//! Containers and images, made, tried again and deleted.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::ids::{ContainerId, ImageId};

use super::{Container, Image};
use crate::graphql::context::ContextExt;
use crate::graphql::cost;
use crate::graphql::images::ImageInput;
use crate::graphql::metadata::Metadata;
use crate::graphql::{ApiError, ids};
use crate::verification::Verification;

#[derive(Default)]
pub(in crate::graphql) struct VerificationMutation;

#[Object]
impl VerificationMutation {
    /// Creates an empty container.
    #[graphql(complexity = "cost::act(child_complexity)")]
    async fn create_container(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "All of it may be left out.")] input: Option<CreateContainerInput>,
    ) -> Result<CreateContainerPayload, ApiError> {
        let (caller, input) = (context.writer()?, input.unwrap_or_default());
        let verification = context.part::<Verification>()?;
        let key = input.idempotency_key.as_deref();
        let metadata = input.metadata.map(|metadata| metadata.kept(context)).transpose()?;
        let container = verification.create_container(caller, metadata, key).await?;
        Ok(CreateContainerPayload { container: container.into() })
    }

    /// Stores the image and returns at once with PROCESSING; encoding happens in the background.
    #[graphql(complexity = "cost::look(1, child_complexity)")]
    async fn upload_image(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The image, and where to.")] input: UploadImageInput,
    ) -> Result<UploadImagePayload, ApiError> {
        let caller = context.writer()?;
        let container: ContainerId = context.target(&input.container_id)?;
        let bytes = input.image.bytes(context).await?;
        let verification = context.part::<Verification>()?;
        let image = verification.upload(caller, container, bytes, input.idempotency_key.as_deref()).await?;
        Ok(UploadImagePayload { image: image.into() })
    }

    /// Puts a FAILED image back to work. It already counts toward the limit.
    #[graphql(complexity = "cost::look(1, child_complexity)")]
    async fn retry_image(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which image.")] input: RetryImageInput,
    ) -> Result<RetryImagePayload, ApiError> {
        let caller = context.writer()?;
        let id: ImageId = context.target(&input.image_id)?;
        let image = context.part::<Verification>()?.retry_image(caller, id).await?;
        Ok(RetryImagePayload { image: image.into() })
    }

    /// Deletes a container with its images, encodings and bytes, stops work on them, and ends its subscriptions.
    #[graphql(complexity = "cost::act(child_complexity)")]
    async fn delete_container(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which container.")] input: DeleteContainerInput,
    ) -> Result<DeleteContainerPayload, ApiError> {
        let caller = context.writer()?;
        let id: ContainerId = context.target(&input.container_id)?;
        context.part::<Verification>()?.delete_container(caller, id).await?;
        Ok(DeleteContainerPayload { deleted_container_id: ids::show(id) })
    }
}

/// What a new container is given.
#[derive(Default, InputObject)]
struct CreateContainerInput {
    /// Any JSON of up to 16,384 bytes and 64 levels; kept, never read. The order of keys is not kept. A number that 64 bits
    /// do not hold as it is written is refused: send it as text.
    metadata: Option<Metadata>,
    /// Up to 255 bytes; a repeat with the same input returns the first container.
    idempotency_key: Option<String>,
}

/// The new container.
#[derive(SimpleObject)]
struct CreateContainerPayload {
    /// The new container, or the first one of this idempotency key.
    container: Container,
}

/// An image, and where to.
#[derive(InputObject)]
struct UploadImageInput {
    /// `container_…`
    container_id: ID,
    /// JPEG, PNG, WebP, GIF (its first frame) or BMP.
    image: ImageInput,
    /// Up to 255 bytes; a repeat with the same image returns the first one.
    idempotency_key: Option<String>,
}

/// The stored image.
#[derive(SimpleObject)]
struct UploadImagePayload {
    /// The new image, or the first one of this idempotency key.
    image: Image,
}

/// Which image to try again.
#[derive(InputObject)]
struct RetryImageInput {
    /// `image_…`
    image_id: ID,
}

/// The image, PROCESSING again.
#[derive(SimpleObject)]
struct RetryImagePayload {
    /// The image.
    image: Image,
}

/// Which container to delete.
#[derive(InputObject)]
struct DeleteContainerInput {
    /// `container_…`
    container_id: ID,
}

/// What is gone.
#[derive(SimpleObject)]
struct DeleteContainerPayload {
    /// The id of what was deleted.
    deleted_container_id: ID,
}
