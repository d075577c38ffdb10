//! Answers wait in memory until their clients read them. They count in place of their requests against `Room` until they
//! are written to the connection: whoever asks and does not read uses up its own share.

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::response::Response;
use futures_util::StreamExt;

use super::refusal::Refusal;
use crate::graphql::ErrorCode;
use crate::shares::{Full, Held};

/// An answer of at most so many bytes is sent even where there is no room for it: what a mutation did should be known, and
/// there are no more of these than requests that found room.
const SMALL_BYTES: u64 = 64 << 10;

/// Makes `held` stand for an answer of so many bytes.
pub(super) fn hold(held: &mut Held, bytes: u64) -> Result<(), Full> {
    if bytes <= SMALL_BYTES {
        held.force(bytes);
        return Ok(());
    }
    held.resize(bytes)
}

/// `answer`, which counts as `held` until it is written; the parts of a stream count one by one.
pub(super) async fn count(answer: Response, mut held: Held) -> Result<Response, Refusal> {
    let (parts, body) = answer.into_parts();
    let body = match body.size_hint().exact() {
        Some(bytes) => {
            hold(&mut held, bytes).map_err(no_room)?;
            // It is in memory already.
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

/// Why an operation was executed and its answer is not sent.
pub(super) fn no_room(full: Full) -> Refusal {
    let message = format!("the operation was executed, but there is no room for its answer: {full}");
    Refusal::new(ErrorCode::Overloaded, message)
}

fn broken(error: axum::Error) -> Refusal {
    crate::graphql::ApiError::internal(error).into()
}

/// Bytes that are given free once they are written.
struct Unread {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
