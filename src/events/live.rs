//! The one way to follow: what is there first, then what happens, with no gap and nothing twice.

use async_stream::try_stream;
use tokio_stream::Stream;

use super::{Received, Subscription};

/// Follows something: reads what there is, and tells what of an event is new.
///
/// Subscribe before the first read, or what happens between the two is lost.
pub(crate) trait Follower: Send {
    /// What is published.
    type Event: Send + Sync + 'static;

    /// What is handed on.
    type Item: Send;

    /// Why reading fails.
    type Error: Send;

    /// Reads what is there and was not handed on yet; `None` when what is followed is gone.
    fn read(&mut self) -> impl Future<Output = Result<Option<Unseen<Self::Item>>, Self::Error>> + Send;

    /// What an event brings.
    fn admit(&mut self, event: &Self::Event) -> Step<Self::Item>;

    /// Whether nothing more will be handed on.
    fn is_done(&self) -> bool {
        false
    }
}

/// What a read found.
pub(crate) struct Unseen<T> {
    /// In order.
    pub(crate) items: Vec<T>,
    /// Whether there may be more to read.
    pub(crate) has_more: bool,
}

impl<T> Unseen<T> {
    /// All that there is.
    pub(crate) fn all(items: Vec<T>) -> Self {
        Self { items, has_more: false }
    }
}

/// What an event brings to a follower.
pub(crate) enum Step<T> {
    /// Something new.
    Next(T),
    /// Nothing new.
    Skip,
    /// The end: what is followed is gone.
    End,
}

/// Hands on what `follower` reads, then what the events of `subscription` bring. A follower that lags reads again. The
/// `first` read was made already, so that its failure is no part of the stream.
pub(crate) fn follow<F: Follower>(
    mut subscription: Subscription<F::Event>,
    mut follower: F,
    first: Unseen<F::Item>,
) -> impl Stream<Item = Result<F::Item, F::Error>> + Send {
    try_stream! {
        let mut unseen = first;
        loop {
            loop {
                let Unseen { items, has_more } = unseen;
                for item in items {
                    yield item;
                }
                if !has_more {
                    break;
                }
                let Some(next) = follower.read().await? else { return };
                unseen = next;
            }
            loop {
                if follower.is_done() {
                    return;
                }
                let Received::Event(event) = subscription.next().await else { break };
                match follower.admit(&event) {
                    Step::Next(item) => yield item,
                    Step::Skip => {}
                    Step::End => return,
                }
            }
            let Some(next) = follower.read().await? else { return };
            unseen = next;
        }
    }
}
