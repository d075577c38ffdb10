//! What a request sends counts against its key's rate: before the first byte is read where the request says how many
//! there will be, and once they are there where it does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::Request;
use futures_util::TryStreamExt;
use headers::{ContentLength, HeaderMapExt};

use super::refusal::Refusal;
use crate::caller::Actor;
use crate::graphql::ApiError;
use crate::rates::{Rates, Short};

/// The bytes of a request that are still to be counted.
pub(super) struct Sent {
    actor: Actor,
    unsaid: Option<Arc<AtomicU64>>,
}

impl Sent {
    /// Counts the bytes of `request`, or gets ready to.
    pub(super) fn of(rates: &Rates, actor: Actor, request: Request) -> Result<(Self, Request), Refusal> {
        if let Some(ContentLength(length)) = request.headers().typed_get() {
            rates.spend_bytes(actor, length).map_err(refusal)?;
            return Ok((Self { actor, unsaid: None }, request));
        }
        let count = Arc::new(AtomicU64::new(0));
        let counted = count.clone();
        let request = request.map(|body| {
            Body::from_stream(body.into_data_stream().inspect_ok(move |chunk| {
                counted.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            }))
        });
        Ok((Self { actor, unsaid: Some(count) }, request))
    }

    /// Counts what was not said before, now that the request has arrived.
    pub(super) fn settle(self, rates: &Rates) -> Result<(), Refusal> {
        let Some(count) = self.unsaid else { return Ok(()) };
        match count.load(Ordering::Relaxed) {
            0 => Ok(()),
            bytes => rates.spend_bytes(self.actor, bytes).map_err(refusal),
        }
    }
}

/// Why what was sent is not taken.
pub(super) fn refusal(short: Short) -> Refusal {
    let message = "this key sends more than FACEQL_RATE_UPLOAD_MIB_PER_MINUTE allows; try again later";
    ApiError::rate_limited(short.wait, message).into()
}
