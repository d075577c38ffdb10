//! A schema whose fields fail or are slow on demand.

#![expect(clippy::unused_async, reason = "resolvers are async")]

use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Interface, MergedObject, Object, Subscription};
use futures_util::{Stream, stream};

use crate::graphql::execution::conformance::Typed;

const THING: Thing = Thing { number: 0 };

#[derive(Default, MergedObject)]
pub(super) struct Query(Root);

#[derive(Default)]
struct Root;

#[derive(Default)]
pub(super) struct Mutation {
    made: AtomicUsize,
}

pub(super) struct Follow;

/// Only number 1 fails in `oneFails`.
#[derive(Clone, Copy)]
struct Thing {
    number: usize,
}

struct Stone;

#[derive(Interface)]
#[graphql(field(name = "number", ty = "usize"))]
enum Any {
    Thing(Thing),
    Stone(Stone),
}

#[Object]
impl Root {
    async fn thing(&self) -> Thing {
        THING
    }

    async fn slow_thing(&self) -> Thing {
        tokio::task::yield_now().await;
        THING
    }

    async fn maybe_thing(&self) -> Option<Thing> {
        Some(THING)
    }

    async fn nothing(&self) -> Option<Thing> {
        None
    }

    async fn fails(&self) -> Result<String, &'static str> {
        Err("failed")
    }

    async fn may_fail(&self) -> Result<Option<String>, &'static str> {
        Err("failed")
    }

    async fn any(&self, stone: Option<bool>) -> Option<Typed<Any>> {
        Some(Typed(if stone == Some(true) { Any::Stone(Stone) } else { Any::Thing(THING) }))
    }

    async fn anys(&self) -> Vec<Option<Typed<Any>>> {
        vec![Some(Typed(Any::Thing(THING))), None, Some(Typed(Any::Stone(Stone)))]
    }
}

#[Object]
impl Thing {
    async fn number(&self) -> usize {
        self.number
    }

    async fn slow(&self) -> usize {
        tokio::task::yield_now().await;
        self.number
    }

    async fn fails(&self) -> Result<usize, &'static str> {
        Err("failed")
    }

    async fn may_fail(&self) -> Result<Option<usize>, &'static str> {
        tokio::task::yield_now().await;
        Err("failed")
    }

    async fn one_fails(&self) -> Result<usize, &'static str> {
        if self.number == 1 { Err("failed") } else { Ok(self.number) }
    }

    async fn inner(&self) -> Thing {
        *self
    }

    async fn maybe_inner(&self) -> Option<Thing> {
        Some(*self)
    }

    async fn list(&self) -> Vec<Thing> {
        [0, 1, 2].map(|number| Thing { number }).to_vec()
    }

    async fn maybe_list(&self) -> Option<Vec<Thing>> {
        Some([0, 1, 2].map(|number| Thing { number }).to_vec())
    }

    async fn list_of_maybe(&self) -> Vec<Option<Thing>> {
        [0, 1, 2].map(|number| Some(Thing { number })).to_vec()
    }

    async fn words(&self) -> Vec<&str> {
        vec!["a", "b"]
    }
}

#[Object]
impl Stone {
    async fn number(&self) -> usize {
        tokio::task::yield_now().await;
        7
    }

    async fn weight(&self) -> Option<usize> {
        Some(80)
    }

    async fn fails(&self) -> Result<Option<usize>, &'static str> {
        Err("failed")
    }
}

#[Object]
impl Mutation {
    /// Each thing has the next number.
    async fn make(&self) -> Thing {
        Thing { number: self.made.fetch_add(1, Ordering::Relaxed) }
    }

    async fn fails(&self) -> Result<Thing, &'static str> {
        Err("failed")
    }

    async fn may_fail(&self) -> Result<Option<Thing>, &'static str> {
        Err("failed")
    }
}

#[Subscription]
impl Follow {
    async fn things(&self) -> impl Stream<Item = Thing> {
        stream::iter([0, 1, 2].map(|number| Thing { number }))
    }

    async fn maybe_things(&self, #[graphql(default)] skip: usize) -> impl Stream<Item = Option<Thing>> {
        stream::iter([0, 1, 2].map(|number| Some(Thing { number })).into_iter().skip(skip))
    }

    async fn fails(&self) -> Result<stream::Empty<Thing>, &'static str> {
        Err("failed")
    }
}
