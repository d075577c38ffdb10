//! Bounds an execution while it runs: how long it occupies its thread without yielding, and how much memory its
//! response takes.
//!
//! async-graphql executes resolvers that never wait without yielding, and cannot be interrupted meanwhile: neither a
//! time limit nor a closed connection is noticed. So an execution yields after a fixed number of fields.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::Poll;

use async_graphql::Value;

/// Fields that are resolved before the execution yields: about a millisecond of work.
const FIELDS_IN_ONE_GO: usize = 512;

/// Memory that a field takes besides the bytes of a long value: its key, its value and its slot in the object.
/// Measured.
const BYTES_OF_FIELD: usize = 200;

/// Limit of the response to one operation, such as its share of a batch. Part of the request's data; replaces the
/// general limit.
#[derive(Clone, Copy)]
pub struct ResponseLimit {
    /// Maximum bytes of the response, both serialized and in memory.
    pub max_bytes: usize,
}

/// Meters the executions of one operation, which run one after the other.
#[derive(Default)]
pub(in crate::graphql) struct Meter {
    /// Fields that may be resolved before the execution yields.
    left_in_one_go: AtomicUsize,
    /// Bytes of memory left for the response.
    left_bytes: AtomicUsize,
    is_full: AtomicBool,
}

/// The response would exceed its memory limit.
pub(in crate::graphql) struct TooLarge;

impl Meter {
    /// Runs `execution`, whose fields await their [turns](Self::turn), and drops it as soon as its response exceeds
    /// `max_bytes`.
    pub(in crate::graphql) async fn run<T>(
        &self,
        max_bytes: usize,
        execution: impl Future<Output = T>,
    ) -> Result<T, TooLarge> {
        self.left_bytes.store(max_bytes, Relaxed);
        self.is_full.store(false, Relaxed);
        let mut execution = pin!(execution);
        poll_fn(|context| {
            self.left_in_one_go.store(FIELDS_IN_ONE_GO, Relaxed);
            let polled = execution.as_mut().poll(context);
            if self.is_full.load(Relaxed) { Poll::Ready(Err(TooLarge)) } else { polled.map(Ok) }
        })
        .await
    }

    /// Counts a field, and yields if too many were resolved since the last yield.
    pub(in crate::graphql) async fn turn(&self) {
        self.take(BYTES_OF_FIELD);
        poll_fn(|context| {
            // The execution is dropped as soon as this poll returns.
            if self.is_full.load(Relaxed) {
                return Poll::Pending;
            }
            if self.left_in_one_go.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Counts the memory of a scalar in the response.
    pub(in crate::graphql) fn hold(&self, scalar: &Value) {
        self.take(bytes_of(scalar));
    }

    fn take(&self, bytes: usize) {
        if self.left_bytes.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes)).is_err() {
            self.is_full.store(true, Relaxed);
        }
    }
}

/// Memory of a scalar besides its slot.
fn bytes_of(scalar: &Value) -> usize {
    match scalar {
        Value::String(text) => text.len(),
        Value::Binary(bytes) => bytes.len(),
        Value::List(items) => items.iter().map(|item| size_of::<Value>() + bytes_of(item)).sum(),
        Value::Object(fields) => {
            let fields = fields.iter();
            fields.map(|(name, value)| BYTES_OF_FIELD + name.len() + bytes_of(value)).sum()
        }
        Value::Null | Value::Number(_) | Value::Boolean(_) | Value::Enum(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{EmptyMutation, EmptySubscription, Object, Request, Schema};
    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;
    use crate::graphql::execution::conformance::tests::LIMITS;
    use crate::graphql::execution::request_pipeline::RequestPipeline;
    use crate::graphql::{ErrorCode, QueryLimits};

    /// Objects whose resolvers never wait, and count the resolved fields.
    struct Tree(&'static AtomicUsize);

    #[Object]
    impl Tree {
        async fn branches(&self) -> Vec<Tree> {
            self.0.fetch_add(1, Relaxed);
            (0..10).map(|_| Tree(self.0)).collect()
        }

        async fn leaf(&self) -> String {
            self.0.fetch_add(1, Relaxed);
            "x".repeat(1000)
        }
    }

    const FOUR_DEEP: &str = "{ branches { branches { branches { branches { leaf } } } } }";

    fn counter() -> &'static AtomicUsize {
        Box::leak(Box::default())
    }

    fn schema(
        resolved: &'static AtomicUsize,
        response_bytes: usize,
    ) -> Schema<Tree, EmptyMutation, EmptySubscription> {
        let limits = QueryLimits { response_bytes, ..LIMITS };
        let treatment = RequestPipeline::without_rates(limits);
        Schema::build(Tree(resolved), EmptyMutation, EmptySubscription).extension(treatment).finish()
    }

    #[tokio::test]
    async fn execution_lets_go_after_so_many_fields_and_ends_where_it_is_dropped() {
        let resolved = counter();
        let schema = schema(resolved, usize::MAX);
        let mut execution = Box::pin(schema.execute(FOUR_DEEP));
        let mut before = 0;
        for _ in 0..5 {
            assert!((&mut execution).now_or_never().is_none(), "it yields");
            let now = resolved.load(Relaxed);
            assert!(now > before && now <= before + FIELDS_IN_ONE_GO, "{before} and {now}");
            before = now;
        }
        drop(execution);
        tokio::task::yield_now().await;
        assert_eq!(resolved.load(Relaxed), before);
    }

    #[tokio::test]
    async fn execution_that_lets_go_comes_to_its_end() {
        let resolved = counter();
        let response = schema(resolved, usize::MAX).execute(FOUR_DEEP).await;
        assert_eq!(response.errors, []);
        assert_eq!(resolved.load(Relaxed), 1 + 10 + 100 + 1000 + 10_000);
    }

    #[tokio::test]
    async fn execution_ends_when_its_response_takes_too_much_memory() {
        // By the bytes of long values, then by the number of short ones.
        for (document, max_bytes, most_fields) in [
            (FOUR_DEEP, 1_000_000, 3000),
            ("{ branches { branches { branches { branches { __typename } } } } }", 20_000, 300),
        ] {
            let resolved = counter();
            let response = schema(resolved, max_bytes).execute(document).await;
            assert_eq!(ErrorCode::of(&response), Some(ErrorCode::QueryTooCostly), "{document}");
            assert_eq!(response.data, Value::Null);
            assert!(resolved.load(Relaxed) < most_fields, "{document}: {}", resolved.load(Relaxed));
        }
    }

    #[tokio::test]
    async fn response_of_a_batch_may_hold_less() {
        let resolved = counter();
        let schema = schema(resolved, 1_000_000);
        let limited = |max_bytes| Request::new("{ branches { leaf } }").data(ResponseLimit { max_bytes });
        let codes = join_all([20_000, 5000].map(|max_bytes| schema.execute(limited(max_bytes)))).await;
        let codes: Vec<_> = codes.iter().map(ErrorCode::of).collect();
        assert_eq!(codes, [None, Some(ErrorCode::QueryTooCostly)]);
    }

    #[test]
    fn scalars_count_with_all_that_is_in_them() {
        let scalar = Value::from_json(serde_json::json!({ "key": ["text", 1, { "a": "b" }] })).unwrap();
        let bytes = bytes_of(&scalar);
        assert!(bytes > 2 * BYTES_OF_FIELD && bytes < 2 * BYTES_OF_FIELD + 1000, "{bytes}");
        assert_eq!(bytes_of(&Value::from("text")), 4);
    }
}
