//! Follows a container: the current state of every image, then each change, without gaps or duplicates.

use std::collections::HashMap;
use std::sync::Arc;

use entity::ids::{ContainerId, ImageId};
use entity::image::Status;
use tokio_stream::Stream;

use super::{ContainerError, ContainerEvent, Containers, ImageState, Snapshot};
use crate::access::caller::Caller;
use crate::events::{Follower, Step, Unseen, follow};

/// When to stop following, other than when the container is deleted.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// Only when the container is deleted.
    Deleted,
    /// Once the container has enough images and none is PROCESSING.
    Settled {
        /// Minimum number of images.
        min_images: usize,
    },
}

impl Containers {
    /// The state of every image of a container, oldest first, then each change as it happens, in order per image. A
    /// slow subscriber receives only the newest states, so revisions may skip.
    ///
    /// # Errors
    /// [`ContainerError::ContainerNotFound`]; [`ContainerError::BadInput`] when more images are awaited than the
    /// container can hold.
    pub async fn watch(
        &self,
        caller: Caller,
        id: ContainerId,
        until: Until,
    ) -> Result<impl Stream<Item = Result<Arc<ImageState>, ContainerError>> + use<>, ContainerError> {
        // Subscribe before reading the snapshot; otherwise changes between the two are lost.
        let subscription = self.bus.subscribe(Self::topic(&caller, id));
        let snapshot = self.snapshot(&caller, id).await?;
        check(until, snapshot.container.image_limit)?;
        let mut follower =
            ContainerFollower { containers: self.clone(), caller, id, until, seen: Seen::default() };
        let first = follower.unseen(&snapshot);
        Ok(follow(subscription, follower, first))
    }
}

fn check(until: Until, image_limit: i32) -> Result<(), ContainerError> {
    let limit = usize::try_from(image_limit).unwrap_or(0);
    match until {
        Until::Settled { min_images } if !(1..=limit).contains(&min_images) => Err(ContainerError::BadInput(
            format!("minImages must be from 1 to {limit}, the container's limit"),
        )),
        Until::Settled { .. } | Until::Deleted => Ok(()),
    }
}

/// Follows the images of a container.
struct ContainerFollower {
    containers: Containers,
    caller: Caller,
    id: ContainerId,
    until: Until,
    seen: Seen,
}

impl ContainerFollower {
    fn unseen(&mut self, snapshot: &Snapshot) -> Unseen<Arc<ImageState>> {
        Unseen::all(snapshot.images.iter().filter(|state| self.seen.admit(state)).cloned().collect())
    }
}

impl Follower for ContainerFollower {
    type Event = ContainerEvent;

    type Item = Arc<ImageState>;

    type Error = ContainerError;

    async fn read(&mut self) -> Result<Option<Unseen<Arc<ImageState>>>, ContainerError> {
        match self.containers.snapshot(&self.caller, self.id).await {
            Ok(snapshot) => Ok(Some(self.unseen(&snapshot))),
            Err(ContainerError::ContainerNotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn admit(&mut self, event: &ContainerEvent) -> Step<Arc<ImageState>> {
        match event {
            ContainerEvent::Deleted => Step::End,
            ContainerEvent::Image(state) if self.seen.admit(state) => Step::Next(state.clone()),
            ContainerEvent::Image(_) => Step::Skip,
        }
    }

    fn is_done(&self) -> bool {
        self.seen.satisfies(self.until)
    }
}

/// The last state sent to the subscriber, per image.
#[derive(Default)]
struct Seen(HashMap<ImageId, (i32, Status)>);

impl Seen {
    /// Whether `state` is newer than the last one sent; records it.
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
