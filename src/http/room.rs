//! How many bytes all requests together may hold: a bound on their number alone is none on memory.

use std::sync::Arc;

use axum::http::HeaderMap;
use headers::{ContentLength, HeaderMapExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;
use crate::graphql::{ApiError, ErrorCode};

/// What a permit stands for: there are fewer permits than there may be bytes.
const UNIT_BYTES: usize = 1024;

/// Room for the bodies of requests. Cloning shares it.
#[derive(Clone)]
pub struct Room {
    units: Arc<Semaphore>,
    all_units: u32,
    largest_request: usize,
}

impl Room {
    /// Room for so many bytes, in requests of at most `largest_request` bytes. One that is larger than it all takes all.
    #[must_use]
    pub fn new(bytes: usize, largest_request: usize) -> Self {
        let units = (bytes / UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        let all_units = u32::try_from(units).unwrap_or(u32::MAX);
        Self { units: Arc::new(Semaphore::new(units)), all_units, largest_request }
    }

    /// Takes room for a request, for as long as what is returned lives. One that does not say how long it is may be as
    /// long as any; one that says that it is longer is refused before it comes.
    pub(super) fn enter(&self, headers: &HeaderMap) -> Result<OwnedSemaphorePermit, Refusal> {
        let said = headers.typed_get::<ContentLength>().map(|length| length.0);
        if said.is_some_and(|length| length > self.largest_request as u64) {
            let message = format!(
                "the request has more than the {} bytes that are taken at once",
                self.largest_request
            );
            return Err(Refusal::new(ErrorCode::PayloadTooLarge, message));
        }
        let has_body = said.is_some() || headers.contains_key(axum::http::header::TRANSFER_ENCODING);
        let most = if has_body { self.largest_request } else { 0 };
        self.take(said.and_then(|length| usize::try_from(length).ok()).unwrap_or(most))
    }

    /// Takes room for so many bytes, for as long as what is returned lives.
    pub(super) fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let room = self.units.clone().try_acquire_many_owned(units.min(self.all_units));
        room.map_err(|_| ApiError::overloaded().into())
    }
}
