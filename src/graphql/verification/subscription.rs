//! Images, followed as they change.

use async_graphql::{Context, ID, Subscription};
use entity::ids::ContainerId;
use tokio_stream::{Stream, StreamExt};

use super::Image;
use crate::graphql::context::ContextExt;
use crate::graphql::{ApiError, ids};
use crate::verification::{Until, Verification};

#[derive(Default)]
pub(in crate::graphql) struct VerificationSubscription;

#[Subscription]
impl VerificationSubscription {
    /// First the present state of every image in the container, then each change, in order per image and
    /// with no gap between the two. Ends when the container is deleted; with untilSettled, also once the
    /// container has at least minImages images and none is PROCESSING, so one may subscribe before uploading.
    /// A subscriber that lags gets the newest state of each image; the revision may then jump.
    async fn image_status_changed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "`container_…`")] container_id: ID,
        #[graphql(desc = "End once nothing is PROCESSING.", default = false)] until_settled: bool,
        #[graphql(desc = "With untilSettled: how many images to wait for.", default = 1)] min_images: i32,
    ) -> Result<impl Stream<Item = Result<Image, ApiError>> + use<>, ApiError> {
        let caller = context.reader()?.clone();
        let id: ContainerId = ids::parse(&container_id)?;
        let min_images = usize::try_from(min_images).unwrap_or(0);
        let until = if until_settled { Until::Settled { min_images } } else { Until::Deleted };
        let changes = context.part::<Verification>()?.watch(caller, id, until).await?;
        Ok(changes.map(|change| change.map(Image::State).map_err(ApiError::from)))
    }
}
