//! Follows a container: the present state of every image, then each change, with no gap and no duplicate.

use std::collections::HashMap;
use std::sync::Arc;

use async_stream::try_stream;
use entity::ids::{ContainerId, ImageId};
use entity::image::Status;
use tokio_stream::Stream;

use super::{ImageState, Snapshot, Verification, VerificationError};
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
        let snapshot = self.snapshot(&caller, id).await?;
        check(until, snapshot.container.image_limit)?;
        Ok(follow(self.clone(), caller, snapshot, until, subscription))
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
    snapshot: Arc<Snapshot>,
    until: Until,
    mut subscription: Subscription<ContainerEvent>,
) -> impl Stream<Item = Result<Arc<ImageState>, VerificationError>> {
    try_stream! {
        let mut seen = Seen::default();
        for state in &snapshot.images {
            seen.admit(state);
            yield state.clone();
        }
        while !seen.satisfies(until) {
            match subscription.next().await {
                Received::Event(event) => match event.as_ref() {
                    ContainerEvent::Deleted => return,
                    ContainerEvent::Image(state) if seen.admit(state) => yield state.clone(),
                    ContainerEvent::Image(_) => {}
                },
                Received::Lagged => {
                    let present = match verification.snapshot(&caller, snapshot.container.id).await {
                        Err(VerificationError::ContainerNotFound) => return,
                        present => present?,
                    };
                    for state in present.images.iter().filter(|state| seen.admit(state)) {
                        yield state.clone();
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
