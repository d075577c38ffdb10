//! Limits the memory of all requests and of responses that clients have not read yet; a limit on their number alone
//! would not bound it. Bytes count when they arrive, not when they are announced, so that a slow request reserves no
//! memory.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use futures_util::StreamExt;
use headers::{ContentLength, HeaderMapExt};
use parking_lot::{Mutex, MutexGuard};

use crate::graphql::ErrorCode;
use crate::http::HttpConfig;
use crate::http::graphql::refusal::Refusal;
use crate::shares::{Full, Held, Party, SharedLimit};

/// What an operation counts in addition to its text.
const OPERATION_BYTES: u64 = 1 << 10;

/// The memory budget of requests and unread responses. Clones share it.
#[derive(Clone)]
pub struct BodyBudget {
    bytes: SharedLimit,
    /// Limits requests whose bodies are arriving; each occupies a connection.
    arriving: SharedLimit,
    largest_request: u64,
}

impl BodyBudget {
    /// A budget as in `config`, for requests of at most `largest_request` bytes.
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

    /// Starts receiving a request of `party`. A request whose announced length exceeds the maximum or the remaining
    /// budget is refused before its body is read.
    pub(in crate::http) fn enter(
        &self,
        party: &Party,
        request: Request,
    ) -> Result<(Arrival, Request), Refusal> {
        let announced = request.headers().typed_get().map_or(0, |ContentLength(length)| length);
        if announced > self.largest_request {
            let message = format!("the request has more than {} bytes", self.largest_request);
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

    /// An empty part of the budget for a message of `party` that is arriving.
    pub(in crate::http) fn nothing(&self, party: &Party) -> Held {
        self.bytes.nothing(party)
    }

    /// Takes budget for an operation of `party` with `bytes` of text, until the returned value is dropped.
    pub(in crate::http) fn take(&self, party: &Party, bytes: usize) -> Result<Held, Refusal> {
        Ok(self.bytes.take(party, OPERATION_BYTES + bytes as u64)?)
    }
}

/// A request whose body is arriving.
pub(in crate::http) struct Arrival {
    arrived: Arc<Mutex<Arrived>>,
    _place: Held,
}

struct Arrived {
    held: Held,
    /// Why the rest of the body did not fit into the budget.
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
    /// The request's part of the budget once it has arrived.
    ///
    /// # Errors
    /// When the budget was exhausted while it arrived.
    pub(in crate::http) fn end(self) -> Result<Held, Refusal> {
        let mut arrived = lock(&self.arrived);
        match arrived.refused {
            Some(full) => Err(full.into()),
            None => Ok(arrived.held.take_all()),
        }
    }
}

fn lock(arrived: &Mutex<Arrived>) -> MutexGuard<'_, Arrived> {
    arrived.lock()
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        Self::new(ErrorCode::Overloaded, full.to_string())
    }
}
