//! A subscription that has no source was not executed (October 2021, 6.2.3.1): its error is of the request and of no field.
//!
//! async-graphql tells such an error as if it were that of an event.

use std::sync::{Arc, OnceLock};

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, Value};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};

use super::outline::Outline;

/// The responses of a subscription by the specification. What `outline` is of is known once there is a response.
pub(in crate::graphql) fn settle(
    mut responses: BoxStream<'_, Response>,
    outline: Arc<OnceLock<Outline>>,
) -> BoxStream<'_, Response> {
    let settled = async_stream::stream! {
        let Some(mut first) = responses.next().await else { return };
        // Without a source it ends at once.
        let second = responses.next().now_or_never();
        let is_subscription = outline.get().is_some_and(|outline| outline.kind == OperationType::Subscription);
        if is_subscription && first.data == Value::Null && matches!(second, Some(None)) {
            first.errors.iter_mut().filter(|error| error.path.len() == 1).for_each(|error| error.path.clear());
        }
        yield first;
        match second {
            Some(None) => return,
            Some(Some(second)) => yield second,
            None => {}
        }
        while let Some(response) = responses.next().await {
            yield response;
        }
    };
    settled.boxed()
}
