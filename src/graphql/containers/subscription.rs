//! The subscription to the images of a container.

use async_graphql::{Context, ID, Subscription};
use entity::ids::ContainerId;
use tokio_stream::{Stream, StreamExt};

use super::Image;
use crate::containers::{Containers, Until};
use crate::graphql::context::ContextExt;
use crate::graphql::{ApiError, ids};

#[derive(Default)]
pub(in crate::graphql) struct ContainerSubscription;

#[Subscription]
impl ContainerSubscription {
    /// Emits the present state of every image in the container, then every change, in order for each image and without
    /// gaps. Completes when the container is deleted; with `untilSettled`, also once the container has at least
    /// `minImages` images and none is PROCESSING, so that a client can subscribe before it uploads. A subscriber that
    /// lags receives the newest state of each image; revisions may then jump. Errors: `NOT_FOUND`, `BAD_USER_INPUT`.
    async fn image_status_changed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the container, `container_…`.")] container_id: ID,
        #[graphql(desc = "Complete once no image is PROCESSING.", default = false)] until_settled: bool,
        #[graphql(desc = "With untilSettled: images to wait for, 1 to imageLimit.", default = 1)] min_images: i32,
    ) -> Result<impl Stream<Item = Result<Image, ApiError>> + use<>, ApiError> {
        let caller = context.reader()?.clone();
        let id: ContainerId = ids::parse(&container_id)?;
        let min_images = usize::try_from(min_images).unwrap_or(0);
        let until = if until_settled { Until::Settled { min_images } } else { Until::Deleted };
        let changes = context.part::<Containers>()?.watch(caller, id, until).await?;
        Ok(changes.map(|change| change.map(Image::State).map_err(ApiError::from)))
    }
}
