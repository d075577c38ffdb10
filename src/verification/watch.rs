//! Follows a container: the present state of every image, then each change, with no gap and no duplicate.

use std::collections::HashMap;
use std::sync::Arc;

use async_stream::try_stream;
use entity::ids::{ContainerId, ImageId};
use entity::image::Status;
use futures_util::Stream;

use super::{ImageState, Verification, VerificationError};
use crate::caller::Caller;
use crate::events::{Received, Subscription};

/// What subscribers of a container hear.
#[derive(Debug)]
pub enum ContainerEvent {
    /// An image has changed, or is new.
    Image(Arc<ImageState>),
    /// The container is gone.
    Deleted,
}

/// When to stop following, besides the container's end.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// Not before.
    Deleted,
    /// Once there are so many images and none is PROCESSING.
    Settled {
        /// At least this many.
        min_images: usize,
    },
}

impl Verification {
    /// The state of every image of a container, oldest first, then each change as it happens, in order for each
    /// image. A follower that lags gets the newest states; revisions may jump then.
    ///
    /// # Errors
    /// [`VerificationError::ContainerNotFound`], and [`VerificationError::BadInput`] when more images are
    /// awaited than the container takes.
    pub async fn watch(
        &self,
        caller: Caller,
        id: ContainerId,
        until: Until,
    ) -> Result<impl Stream<Item = Result<Arc<ImageState>, VerificationError>> + use<>, VerificationError>
    {
        // Subscribe before the snapshot, or what happens between the two is lost.
        let subscription = self.bus.subscribe(Self::topic(&caller, id));
        let container = self.container(&caller, id).await?;
        check(until, container.image_limit)?;
        Ok(follow(self.clone(), caller, id, until, subscription))
    }

    async fn snapshot(&self, caller: &Caller, id: ContainerId) -> Result<Vec<ImageState>, VerificationError> {
        let images = self.images_of(caller, &[id]).await?;
        let ids: Vec<ImageId> = images.iter().map(|image| image.id).collect();
        let mut encodings = self.encodings_of(caller, &ids).await?;
        let state = |image: entity::image::Model| {
            let of_image = |encoding: &mut entity::encoding::Model| encoding.image_id == image.id;
            // An image that was just PROCESSING when it was read has none yet, whatever came in between.
            let ready = image.status == Status::Completed;
            let found = encodings.extract_if(.., of_image).filter(|_| ready).collect();
            ImageState { image, encodings: found }
        };
        Ok(images.into_iter().map(state).collect())
    }
}

fn check(until: Until, image_limit: i32) -> Result<(), VerificationError> {
    let limit = usize::try_from(image_limit).unwrap_or(0);
    match until {
        Until::Settled { min_images } if !(1..=limit).contains(&min_images) => {
            Err(VerificationError::BadInput(format!("minImages is from 1 to {limit}, the container's limit")))
        }
        Until::Settled { .. } | Until::Deleted => Ok(()),
    }
}

fn follow(
    verification: Verification,
    caller: Caller,
    id: ContainerId,
    until: Until,
    mut subscription: Subscription<ContainerEvent>,
) -> impl Stream<Item = Result<Arc<ImageState>, VerificationError>> {
    try_stream! {
        let mut seen = Seen::default();
        for state in verification.snapshot(&caller, id).await? {
            seen.admit(&state);
            yield Arc::new(state);
        }
        while !seen.satisfies(until) {
            match subscription.next().await {
                Received::Event(event) => match event.as_ref() {
                    ContainerEvent::Deleted => return,
                    ContainerEvent::Image(state) if seen.admit(state) => yield state.clone(),
                    ContainerEvent::Image(_) => {}
                },
                Received::Lagged => {
                    if verification.containers(&caller, &[id]).await?.is_empty() {
                        return;
                    }
                    for state in verification.snapshot(&caller, id).await? {
                        if seen.admit(&state) {
                            yield Arc::new(state);
                        }
                    }
                }
            }
        }
    }
}

/// What a follower has been told.
#[derive(Default)]
struct Seen(HashMap<ImageId, (i32, Status)>);

impl Seen {
    /// Whether `state` is news; notes it.
    fn admit(&mut self, state: &ImageState) -> bool {
        let image = &state.image;
        let news = self.0.get(&image.id).is_none_or(|(revision, _)| *revision < image.revision);
        if news {
            self.0.insert(image.id, (image.revision, image.status));
        }
        news
    }

    fn satisfies(&self, until: Until) -> bool {
        match until {
            Until::Deleted => false,
            Until::Settled { min_images } => {
                let settled = self.0.values().all(|(_, status)| *status != Status::Processing);
                self.0.len() >= min_images && settled
            }
        }
    }
}
