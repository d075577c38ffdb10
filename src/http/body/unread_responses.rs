//! Responses are kept in memory until clients read them. Until it is written to the connection, a response counts
//! towards `BodyBudget` in place of its request, so that a client that does not read only uses up its own share.

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::response::Response;
use futures_util::StreamExt;

use crate::graphql::ErrorCode;
use crate::http::graphql::refusal::Refusal;
use crate::shares::{Full, Held};

/// A response of at most this size is sent even if it exceeds the budget: the client of a mutation should learn its
/// outcome, and there are no more such responses than requests that fit into the budget.
const SMALL_BYTES: u64 = 64 << 10;

/// Resizes `held` to the size of a response.
pub(in crate::http) fn hold(held: &mut Held, bytes: u64) -> Result<(), Full> {
    if bytes <= SMALL_BYTES {
        held.force(bytes);
        return Ok(());
    }
    held.resize(bytes)
}

/// Counts a response as `held` until it is written. The chunks of a stream are counted individually.
pub(in crate::http) async fn count(answer: Response, mut held: Held) -> Result<Response, Refusal> {
    let (parts, body) = answer.into_parts();
    let body = match body.size_hint().exact() {
        Some(bytes) => {
            hold(&mut held, bytes).map_err(no_room)?;
            // A body with an exact size is in memory already.
            let bytes = to_bytes(body, usize::MAX).await.map_err(broken)?;
            Body::from(Bytes::from_owner(Unread { bytes, _held: held }))
        }
        None => Body::from_stream(body.into_data_stream().map(move |part| {
            let (bytes, mut own) = (part?, held.another());
            hold(&mut own, bytes.len() as u64).map_err(axum::Error::new)?;
            Ok::<_, axum::Error>(Bytes::from_owner(Unread { bytes, _held: own }))
        })),
    };
    Ok(Response::from_parts(parts, body))
}

/// The refusal of an operation that was executed but whose response exceeds the budget.
pub(in crate::http) fn no_room(full: Full) -> Refusal {
    let message = format!("the operation was executed, but its response could not be sent: {full}");
    Refusal::new(ErrorCode::Overloaded, message)
}

fn broken(error: axum::Error) -> Refusal {
    crate::graphql::ApiError::internal(error).into()
}

/// Bytes that count towards the budget until they are written and dropped.
struct Unread {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
