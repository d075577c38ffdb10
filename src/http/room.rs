//! How many bytes all requests hold together, and the answers that their clients have not read yet: a bound on their
//! number alone is none on memory. Bytes count as they arrive, not as they are announced: a request that trickles in
//! keeps no room from others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use futures_util::StreamExt;
use headers::{ContentLength, HeaderMapExt};

use super::HttpConfig;
use super::refusal::Refusal;
use crate::graphql::ErrorCode;
use crate::shares::{Full, Held, Party, SharedLimit};

/// What an operation counts for beside its text.
const OPERATION_BYTES: u64 = 1 << 10;

/// Room for requests and for answers that wait to be read. Cloning shares it.
#[derive(Clone)]
pub struct Room {
    bytes: SharedLimit,
    /// Requests that are arriving: each takes up a connection.
    arriving: SharedLimit,
    largest_request: u64,
}

impl Room {
    /// Room by `config`, for requests of at most `largest_request` bytes.
    #[must_use]
    pub fn new(config: &HttpConfig, largest_request: usize) -> Self {
        let largest_request = largest_request as u64;
        let one_request = largest_request + OPERATION_BYTES;
        let bytes = one_request.max(config.max_bytes_in_flight as u64);
        Self {
            bytes: SharedLimit::with_smallest_share(bytes, config.shares, one_request),
            arriving: SharedLimit::new(config.connections.max.into(), config.shares),
            largest_request,
        }
    }

    /// Lets a request of `party` come in. One that says that it is longer than any may be, or than there is room for now,
    /// is refused before it comes.
    pub(super) fn enter(&self, party: &Party, request: Request) -> Result<(Arrival, Request), Refusal> {
        let announced = request.headers().typed_get().map_or(0, |ContentLength(length)| length);
        if announced > self.largest_request {
            let message = format!(
                "the request has more than the {} bytes that are taken at once",
                self.largest_request
            );
            return Err(Refusal::new(ErrorCode::PayloadTooLarge, message));
        }
        self.bytes.check(party, announced)?;
        let held = self.take(party, 0)?;
        let place = self.arriving.take(party, 1)?;
        let arrived = Arc::new(Mutex::new(Arrived { held, refused: None }));
        let arrival = Arrival { arrived: arrived.clone(), _place: place };
        if request.body().is_end_stream() {
            return Ok((arrival, request));
        }
        let counted = |body: Body| {
            Body::from_stream(body.into_data_stream().map(move |chunk| {
                let chunk = chunk?;
                lock(&arrived).add(&chunk).map_err(axum::Error::new)?;
                Ok::<_, axum::Error>(chunk)
            }))
        };
        Ok((arrival, request.map(counted)))
    }

    /// What `party` holds of a message that is arriving: nothing yet.
    pub(super) fn nothing(&self, party: &Party) -> Held {
        self.bytes.nothing(party)
    }

    /// Takes room for an operation of `party` with a text of so many bytes, for as long as what is returned lives.
    pub(super) fn take(&self, party: &Party, bytes: usize) -> Result<Held, Refusal> {
        Ok(self.bytes.take(party, OPERATION_BYTES + bytes as u64)?)
    }
}

/// A request on its way in.
pub(super) struct Arrival {
    arrived: Arc<Mutex<Arrived>>,
    _place: Held,
}

struct Arrived {
    held: Held,
    /// Why there was no room for the rest.
    refused: Option<Full>,
}

impl Arrived {
    fn add(&mut self, chunk: &Bytes) -> Result<(), Full> {
        let grown = self.held.grow(chunk.len() as u64);
        self.refused = grown.err();
        grown
    }
}

impl Arrival {
    /// The room that the request takes, now that it has arrived; refuses one for which there was not enough.
    pub(super) fn end(self) -> Result<Held, Refusal> {
        let mut arrived = lock(&self.arrived);
        match arrived.refused {
            Some(full) => Err(full.into()),
            None => Ok(arrived.held.take_all()),
        }
    }
}

fn lock(arrived: &Mutex<Arrived>) -> MutexGuard<'_, Arrived> {
    arrived.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        Self::new(ErrorCode::Overloaded, full.to_string())
    }
}
