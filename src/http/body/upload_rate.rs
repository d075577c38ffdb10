//! Counts the bytes of requests towards the upload rate of their keys: before the body is read if its length is
//! announced, otherwise after it has arrived.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::Request;
use futures_util::TryStreamExt;
use headers::{ContentLength, HeaderMapExt};

use crate::access::rates::{RateLimited, Rates};
use crate::actor::Actor;
use crate::graphql::ApiError;
use crate::http::graphql::refusal::Refusal;

/// The bytes of a request that have yet to be counted.
pub(in crate::http) struct UploadRate {
    actor: Actor,
    unsaid: Option<Arc<AtomicU64>>,
}

impl UploadRate {
    /// Counts the announced length of `request`, or prepares to count its bytes as they arrive.
    pub(in crate::http) fn of(
        rates: &Rates,
        actor: Actor,
        request: Request,
    ) -> Result<(Self, Request), Refusal> {
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

    /// Counts the bytes that were not announced, once the request has arrived.
    pub(in crate::http) fn settle(self, rates: &Rates) -> Result<(), Refusal> {
        let Some(count) = self.unsaid else { return Ok(()) };
        match count.load(Ordering::Relaxed) {
            0 => Ok(()),
            bytes => rates.spend_bytes(self.actor, bytes).map_err(refusal),
        }
    }
}

/// The refusal of a request that exceeds the upload rate.
pub(in crate::http) fn refusal(short: RateLimited) -> Refusal {
    let message = "this key sends more than FACEQL_RATE_UPLOAD_MIB_PER_MINUTE allows; try again later";
    ApiError::rate_limited(short.wait, message).into()
}
