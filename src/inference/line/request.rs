//! Queued requests: an image to analyse or memory to reserve, and the channel for the result.

use std::time::Instant;

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::{Span, debug_span};
use vision::{DetectOptions, EncodedFace};

use super::Reservation;
use crate::inference::{AnnotatedImage, Client, EncodeError, Urgency};
use crate::metrics::EngineMetrics;
use crate::telemetry::TRACED;

/// A queued request.
pub(in crate::inference) struct Request {
    pub(in crate::inference) client: Client,
    /// Maximum memory that the request needs while it runs.
    pub(in crate::inference) memory_bytes: u64,
    /// Whether the request occupies a thread for long.
    pub(in crate::inference) is_slow: bool,
    pub(in crate::inference) wanted: Wanted,
    pub(in crate::inference) asked: Asked,
}

/// An image to analyse.
pub(in crate::inference) struct Image {
    pub(in crate::inference) file: Bytes,
    pub(in crate::inference) options: DetectOptions,
}

/// Time and trace of a request.
pub(in crate::inference) struct Asked {
    at: Instant,
    /// Span of the requester.
    pub(in crate::inference) by: Span,
    /// Span that ends when a thread takes the image.
    waits: Span,
}

impl Request {
    /// Whether the requester no longer waits for the result.
    pub(in crate::inference) fn is_unwanted(&self) -> bool {
        self.wanted.is_unwanted()
    }

    /// Ends the wait of a request that a thread has taken.
    pub(in crate::inference) fn taken(mut self, urgency: Urgency, metrics: &EngineMetrics) -> Self {
        metrics.waited(urgency.name(), self.asked.at.elapsed());
        self.asked.waits = Span::none();
        self
    }
}

impl Asked {
    /// A request made now, in the current span.
    pub(in crate::inference) fn now() -> Self {
        Self {
            at: Instant::now(),
            by: Span::current(),
            waits: debug_span!(target: TRACED, "wait for the engine"),
        }
    }
}

/// What to compute, and the channel for the result.
pub(in crate::inference) enum Wanted {
    /// The faces of an image with their vectors.
    Encodings(Image, Reply<Vec<EncodedFace>>),
    /// The faces of an image, and an annotated copy.
    Annotation(Image, Reply<AnnotatedImage>),
    /// Memory for an image that is decoded elsewhere.
    Memory(Reply<Reservation>),
}

pub(in crate::inference) type Reply<T> = oneshot::Sender<Result<T, EncodeError>>;

impl Wanted {
    fn is_unwanted(&self) -> bool {
        match self {
            Self::Encodings(_, reply) => reply.is_closed(),
            Self::Annotation(_, reply) => reply.is_closed(),
            Self::Memory(reply) => reply.is_closed(),
        }
    }
}
