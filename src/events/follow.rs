//! Following a node: its present state first, then each change, until nothing more will happen.

use std::sync::Arc;

use async_stream::try_stream;
use tokio_stream::Stream;

use super::{Bus, Received, Topic};

/// A state of a node that can be followed.
pub trait State: Send + Sync + 'static {
    /// Rises with each change of the node.
    fn revision(&self) -> i32;

    /// Whether this is the last one.
    fn is_final(&self) -> bool;
}

/// What happens to a node.
#[derive(Clone, Debug)]
pub enum Change<S> {
    /// It is like this now.
    State(Arc<S>),
    /// It is gone.
    Deleted,
}

impl<S: State> Bus<Change<S>> {
    /// The node now, as `read` finds it, then after each change; ends with its last state, or when it is gone. A follower
    /// that lags gets the newest state; the revision may jump then. `None` when there is no such node.
    ///
    /// # Errors
    /// When `read` fails.
    pub async fn follow<E, R, F>(
        &self,
        topic: Topic,
        read: R,
    ) -> Result<Option<impl Stream<Item = Result<Arc<S>, E>> + use<S, E, R, F>>, E>
    where
        R: Fn() -> F,
        F: Future<Output = Result<Option<S>, E>>,
    {
        // Subscribe before reading, or what happens between the two is lost.
        let mut subscription = self.subscribe(topic);
        let Some(present) = read().await? else { return Ok(None) };
        let mut state = Arc::new(present);
        Ok(Some(try_stream! {
            yield state.clone();
            while !state.is_final() {
                let next = match subscription.next().await {
                    Received::Event(change) => match change.as_ref() {
                        Change::State(next) => Some(next.clone()),
                        Change::Deleted => None,
                    },
                    Received::Lagged => read().await?.map(Arc::new),
                };
                let Some(next) = next else { return };
                if next.revision() > state.revision() {
                    state = next;
                    yield state.clone();
                }
            }
        }))
    }
}
