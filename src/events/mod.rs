//! The bus: tells subscribers of a node what has changed. Knows no domain, and lives in this process.
//!
//! Publishing never waits. Each subscriber has a bounded backlog; one that falls behind is told so with
//! [`Received::Lagged`] and reads the present state anew, so nobody holds up anybody.

mod follow;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entity::ids::Tenant;
use tokio::sync::broadcast;
use uuid::Uuid;

pub use follow::{Change, State};

/// How many events a subscriber may fall behind.
const BACKLOG: usize = 64;

/// What is followed: a node of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Topic {
    /// Whose node it is.
    pub tenant: Tenant,
    /// The node.
    pub node: Uuid,
}

/// Carries events of type `E`, each shared by all who receive it. Cloning shares the bus.
pub struct Bus<E> {
    topics: Arc<Mutex<Topics<E>>>,
}

type Topics<E> = HashMap<Topic, Line<E>>;

/// One topic's channel. It is there while somebody follows it.
struct Line<E> {
    sender: broadcast::Sender<Arc<E>>,
    followers: usize,
}

impl<E: Send + Sync + 'static> Bus<E> {
    /// A bus that nobody follows yet.
    #[must_use]
    pub fn new() -> Self {
        Self { topics: Arc::default() }
    }

    /// Hands `event` to all who follow `topic` now.
    pub fn publish(&self, topic: &Topic, event: E) {
        if let Some(line) = self.topics().get(topic) {
            // An error means that the last follower is just leaving.
            let _ = line.sender.send(Arc::new(event));
        }
    }

    /// Follows `topic` from now on.
    #[must_use]
    pub fn subscribe(&self, topic: Topic) -> Subscription<E> {
        let mut topics = self.topics();
        let new = || Line { sender: broadcast::channel(BACKLOG).0, followers: 0 };
        let line = topics.entry(topic.clone()).or_insert_with(new);
        line.followers += 1;
        Subscription { receiver: line.sender.subscribe(), topic, bus: self.clone() }
    }

    /// How many topics are followed now.
    #[must_use]
    pub fn topic_count(&self) -> usize {
        self.topics().len()
    }

    fn topics(&self) -> MutexGuard<'_, Topics<E>> {
        // No code that holds the lock can panic half-way through a change.
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
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

/// What a subscriber gets.
pub enum Received<E> {
    /// The next event.
    Event(Arc<E>),
    /// Some events were missed: read the present state.
    Lagged,
}

/// One follower of a topic. Dropping it ends the following.
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
            // The channel cannot close: the bus keeps its sender while this subscription lives.
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
