//! The event bus: notifies subscribers of changes to nodes. Works within this process. Independent of domains.
//!
//! Publishing never waits. Each subscriber has a bounded backlog; one that falls behind receives [`Received::Lagged`]
//! and reads the current state again, so that a slow subscriber delays neither publishers nor other subscribers.

mod follow;
mod live;

use std::collections::HashMap;
use std::sync::Arc;

use entity::ids::Tenant;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::broadcast;
use uuid::Uuid;

pub use follow::{Change, State};
pub(crate) use live::{Follower, Step, Unseen, follow};

/// Maximum number of events that a subscriber may fall behind.
const BACKLOG: usize = 64;

/// Subject of a subscription: a node of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Topic {
    /// Tenant that owns the node.
    pub tenant: Tenant,
    /// Id of the node.
    pub node: Uuid,
}

/// A bus for events of type `E`, which are shared by all receivers. Clones share the bus.
pub struct Bus<E> {
    topics: Arc<Mutex<Topics<E>>>,
}

type Topics<E> = HashMap<Topic, Line<E>>;

/// The channel of one topic. It exists while it has subscribers.
struct Line<E> {
    sender: broadcast::Sender<Arc<E>>,
    followers: usize,
}

impl<E: Send + Sync + 'static> Bus<E> {
    /// A bus without subscribers.
    #[must_use]
    pub fn new() -> Self {
        Self { topics: Arc::default() }
    }

    /// Sends `event` to all current subscribers of `topic`.
    pub fn publish(&self, topic: &Topic, event: E) {
        if let Some(line) = self.topics().get(topic) {
            // An error means that the last subscriber is being dropped.
            let _ = line.sender.send(Arc::new(event));
        }
    }

    /// Subscribes to `topic` from now on.
    #[must_use]
    pub fn subscribe(&self, topic: Topic) -> Subscription<E> {
        let mut topics = self.topics();
        let new = || Line { sender: broadcast::channel(BACKLOG).0, followers: 0 };
        let line = topics.entry(topic.clone()).or_insert_with(new);
        line.followers += 1;
        Subscription { receiver: line.sender.subscribe(), topic, bus: self.clone() }
    }

    /// Number of topics with subscribers.
    #[must_use]
    pub fn topic_count(&self) -> usize {
        self.topics().len()
    }

    fn topics(&self) -> MutexGuard<'_, Topics<E>> {
        self.topics.lock()
    }
}

impl<E> Clone for Bus<E> {
    fn clone(&self) -> Self {
        Self { topics: self.topics.clone() }
    }
}

impl<E: Send + Sync + 'static> Default for Bus<E> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a subscriber receives.
pub enum Received<E> {
    /// The next event.
    Event(Arc<E>),
    /// Some events were missed: read the current state again.
    Lagged,
}

/// A subscription to a topic. Dropping it unsubscribes.
pub struct Subscription<E: Send + Sync + 'static> {
    receiver: broadcast::Receiver<Arc<E>>,
    topic: Topic,
    bus: Bus<E>,
}

impl<E: Send + Sync + 'static> Subscription<E> {
    /// Waits for the next event.
    pub async fn next(&mut self) -> Received<E> {
        match self.receiver.recv().await {
            Ok(event) => Received::Event(event),
            // The channel cannot close: the bus keeps its sender while this subscription exists.
            Err(_) => Received::Lagged,
        }
    }
}

impl<E: Send + Sync + 'static> Drop for Subscription<E> {
    fn drop(&mut self) {
        let mut topics = self.bus.topics();
        if let Some(line) = topics.get_mut(&self.topic) {
            line.followers -= 1;
            if line.followers == 0 {
                topics.remove(&self.topic);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic() -> Topic {
        Topic { tenant: Tenant::parse("acme").unwrap(), node: Uuid::nil() }
    }

    #[tokio::test]
    async fn a_subscriber_that_lags_is_told_and_goes_on() {
        let bus = Bus::new();
        let mut subscription = bus.subscribe(topic());
        (0..=BACKLOG).for_each(|number| bus.publish(&topic(), number));

        assert!(matches!(subscription.next().await, Received::Lagged));
        assert!(matches!(subscription.next().await, Received::Event(number) if *number == 1));
    }

    #[tokio::test]
    async fn a_topic_goes_with_its_last_subscriber() {
        let bus = Bus::<()>::new();
        let (first, second) = (bus.subscribe(topic()), bus.subscribe(topic()));
        drop(first);
        assert_eq!(bus.topic_count(), 1);
        drop(second);
        assert_eq!(bus.topic_count(), 0);
    }

    #[tokio::test]
    async fn another_tenant_of_the_same_node_hears_nothing() {
        let bus = Bus::new();
        let other = Topic { tenant: Tenant::parse("other").unwrap(), ..topic() };
        let mut subscription = bus.subscribe(topic());
        bus.publish(&other, "theirs");
        bus.publish(&topic(), "ours");
        assert!(matches!(subscription.next().await, Received::Event(event) if *event == "ours"));
    }
}
