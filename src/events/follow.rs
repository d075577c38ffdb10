//! Following a node: its current state first, then each change, until it reaches a final state.

use std::sync::Arc;

use tokio_stream::Stream;

use super::live::{self, Follower, Step, Unseen};
use super::{Bus, Topic};

/// The state of a node that can be followed.
pub trait State: Send + Sync + 'static {
    /// Revision of the node, which increases with each change.
    fn revision(&self) -> i32;

    /// Whether no further change follows this state.
    fn is_final(&self) -> bool;
}

/// An event of a node.
#[derive(Clone, Debug)]
pub enum Change<S> {
    /// The new state.
    State(Arc<S>),
    /// The node was deleted.
    Deleted,
}

impl<S: State> Bus<Change<S>> {
    /// The current state of the node, as `read` returns it, then each change; ends with the final state or the node's
    /// deletion. A slow subscriber receives only the newest state, so revisions may skip. `None` if the node does not
    /// exist.
    ///
    /// # Errors
    /// When `read` fails.
    pub async fn follow<E, R, F>(
        &self,
        topic: Topic,
        read: R,
    ) -> Result<Option<impl Stream<Item = Result<Arc<S>, E>> + use<S, E, R, F>>, E>
    where
        E: Send,
        R: Fn() -> F + Send,
        F: Future<Output = Result<Option<S>, E>> + Send,
    {
        // Subscribe before reading, or what happens between the two is lost.
        let subscription = self.subscribe(topic);
        let mut follower = NodeFollower { read, last: None };
        let first = follower.read().await?;
        Ok(first.map(|first| live::follow(subscription, follower, first)))
    }
}

/// Follows one node: each of its states once, the newest where some were missed.
struct NodeFollower<S, R> {
    read: R,
    last: Option<Arc<S>>,
}

impl<S: State, R> NodeFollower<S, R> {
    /// Whether `state` is newer than what was handed on; notes it.
    fn admit_state(&mut self, state: &Arc<S>) -> bool {
        let is_new = self.last.as_ref().is_none_or(|last| last.revision() < state.revision());
        if is_new {
            self.last = Some(state.clone());
        }
        is_new
    }
}

impl<S, E, R, F> Follower for NodeFollower<S, R>
where
    S: State,
    E: Send,
    R: Fn() -> F + Send,
    F: Future<Output = Result<Option<S>, E>> + Send,
{
    type Event = Change<S>;

    type Item = Arc<S>;

    type Error = E;

    async fn read(&mut self) -> Result<Option<Unseen<Arc<S>>>, E> {
        let Some(state) = (self.read)().await?.map(Arc::new) else { return Ok(None) };
        let is_new = self.admit_state(&state);
        Ok(Some(Unseen::all(is_new.then_some(state).into_iter().collect())))
    }

    fn admit(&mut self, event: &Change<S>) -> Step<Arc<S>> {
        match event {
            Change::Deleted => Step::End,
            Change::State(state) if self.admit_state(state) => Step::Next(state.clone()),
            Change::State(_) => Step::Skip,
        }
    }

    fn is_done(&self) -> bool {
        self.last.as_ref().is_some_and(|last| last.is_final())
    }
}
