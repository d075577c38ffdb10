//! Reports the error of a subscription that could not start as a request error, without a path (October 2021, 6.2.3.1).
//!
//! async-graphql reports it like the error of an event, with the path of the field.

use std::sync::{Arc, OnceLock};

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, Value};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};

use super::outline::Outline;

/// Corrects the first response of a subscription that could not start. `outline` is set by the time of the first
/// response.
pub(in crate::graphql) fn settle(
    mut responses: BoxStream<'_, Response>,
    outline: Arc<OnceLock<Outline>>,
) -> BoxStream<'_, Response> {
    let settled = async_stream::stream! {
        let Some(mut first) = responses.next().await else { return };
        // Without a source stream the responses end immediately.
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
