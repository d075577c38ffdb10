//! Reads the parts of a multipart form one after another as they stream in.

use std::future::poll_fn;
use std::mem::take;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};

use crate::graphql::ErrorCode;
use crate::http::graphql::refusal::Refusal;

/// Maximum bytes before a part's content: its headers, and the preamble of the first part.
const MAX_HEADER_BYTES: usize = 16 << 10;

/// A form that is being read.
pub(in crate::http) struct Form {
    multipart: Multipart,
    /// Bytes passed to the parser so far.
    handed: Arc<AtomicUsize>,
}

impl Form {
    /// The form that `request` carries.
    pub(in crate::http) async fn of(request: Request) -> Result<Self, Refusal> {
        let handed = Arc::<AtomicUsize>::default();
        let request = request.map(|body| in_pieces(body, handed.clone()));
        let multipart = Multipart::from_request(request, &()).await;
        let multipart =
            multipart.map_err(|error| Refusal::new(ErrorCode::BadUserInput, error.body_text()))?;
        Ok(Self { multipart, handed })
    }

    /// The next part; the previous one must have been read to its end. The parser buffers input until a part's headers
    /// are complete and rescans the buffer for every chunk, so their size is limited.
    pub(in crate::http) async fn next(&mut self) -> Result<Option<Field<'_>>, Refusal> {
        let (handed, before) = (&self.handed, self.handed.load(Ordering::Relaxed));
        let mut next = pin!(self.multipart.next_field());
        let next = poll_fn(|context| match next.as_mut().poll(context) {
            Poll::Pending if handed.load(Ordering::Relaxed) - before > MAX_HEADER_BYTES => {
                let message = format!("the headers of a part have more than {MAX_HEADER_BYTES} bytes");
                Poll::Ready(Err(Refusal::new(ErrorCode::BadUserInput, message)))
            }
            polled => polled.map_err(malformed),
        });
        next.await
    }
}

/// Reads the content of a part, at most `limit` bytes.
pub(in crate::http) async fn content(mut field: Field<'_>, limit: u64) -> Result<Bytes, Refusal> {
    let mut content = BytesMut::new();
    while let Some(chunk) = field.chunk().await.map_err(malformed)? {
        if (content.len() + chunk.len()) as u64 > limit {
            let name = field.name().unwrap_or_default();
            let message = format!("the part '{name}' has more than {limit} bytes");
            return Err(Refusal::new(ErrorCode::PayloadTooLarge, message));
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content.freeze())
}

/// Passes the body on in its original chunks and counts their bytes. The parser drains the stream before it parses, so
/// the stream is pending after each chunk to have every chunk parsed.
fn in_pieces(body: Body, handed: Arc<AtomicUsize>) -> Body {
    let (mut pieces, mut was_handed) = (body.into_data_stream(), false);
    Body::from_stream(stream::poll_fn(move |context| {
        if take(&mut was_handed) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = pieces.poll_next_unpin(context);
        if let Poll::Ready(Some(Ok(piece))) = &piece {
            handed.fetch_add(piece.len(), Ordering::Relaxed);
            was_handed = true;
        }
        piece
    }))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn malformed(error: MultipartError) -> Refusal {
    let code = if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        ErrorCode::PayloadTooLarge
    } else {
        ErrorCode::BadUserInput
    };
    Refusal::new(code, format!("the upload is malformed or incomplete: {}", error.body_text()))
}
