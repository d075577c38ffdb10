//! One of the engine's threads: takes its share of what waits, decodes it, and answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::{Span, debug_span, error};
use vision::{
    DetectOptions, EncodedFace, EngineError, FaceEngine, ImageError, ImageLimits, ModelCard, Picture,
};

use super::embedded::MakeEngine;
use super::line::{Reservation, Taken, Waiting};
use super::timed::{TimedEngine, timed};
use super::{AnnotatedImage, Client, EncodeError, Urgency};
use crate::metrics::{EngineMetrics, Step};
use crate::telemetry::TRACED;

/// How far engine threads stand back behind those that answer requests.
const NICENESS: i32 = 5;

/// Most images that one call of the engine takes.
const MAX_BATCH: usize = 4;

/// Something to be done when its turn comes.
pub(super) struct Request {
    pub(super) client: Client,
    /// What it takes at most while it is done.
    pub(super) memory_bytes: u64,
    /// Whether it keeps a thread busy for long.
    pub(super) is_slow: bool,
    pub(super) wanted: Wanted,
    pub(super) asked: Asked,
}

/// An image to look at.
pub(super) struct Image {
    pub(super) file: Bytes,
    pub(super) options: DetectOptions,
}

/// When an image was asked about, and what for.
pub(super) struct Asked {
    at: Instant,
    /// What is traced of who asked.
    by: Span,
    /// Lasts until a thread takes the image.
    waits: Span,
}

impl Request {
    /// Whether nobody waits for it any longer.
    pub(super) fn is_unwanted(&self) -> bool {
        self.wanted.is_unwanted()
    }

    /// The request in a thread's hands: it waits no longer.
    fn taken(mut self, urgency: Urgency, metrics: &EngineMetrics) -> Self {
        metrics.waited(urgency.name(), self.asked.at.elapsed());
        self.asked.waits = Span::none();
        self
    }
}

impl Asked {
    /// Now, by whoever calls.
    pub(super) fn now() -> Self {
        Self {
            at: Instant::now(),
            by: Span::current(),
            waits: debug_span!(target: TRACED, "wait for the engine"),
        }
    }
}

/// What is wanted, and where it goes.
pub(super) enum Wanted {
    /// An image's faces with their vectors.
    Encodings(Image, Reply<Vec<EncodedFace>>),
    /// An image's faces, and a copy with them drawn in.
    Annotation(Image, Reply<AnnotatedImage>),
    /// Memory, for a picture that is decoded elsewhere.
    Memory(Reply<Reservation>),
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, EncodeError>>;

impl Wanted {
    fn is_unwanted(&self) -> bool {
        match self {
            Self::Encodings(_, reply) => reply.is_closed(),
            Self::Annotation(_, reply) => reply.is_closed(),
            Self::Memory(reply) => reply.is_closed(),
        }
    }
}

/// Counts a thread for as long as it lives.
pub(super) struct Alive(Arc<AtomicUsize>);

impl Alive {
    pub(super) fn new(threads: &Arc<AtomicUsize>) -> Self {
        threads.fetch_add(1, Ordering::Relaxed);
        Self(threads.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

type Cards = (ModelCard, ModelCard);

/// Lets the threads that answer requests go first: an upload is acknowledged quickly while the engine is busy.
fn step_back() {
    // On Linux niceness belongs to a thread; elsewhere it would slow the whole process.
    if cfg!(target_os = "linux")
        && let Err(error) = rustix::process::nice(NICENESS)
    {
        tracing::debug!(%error, "the engine thread keeps its usual priority");
    }
}

pub(super) struct EngineThread {
    pub(super) waiting: Waiting,
    pub(super) limits: ImageLimits,
    pub(super) threads: usize,
    pub(super) alive: Alive,
    pub(super) metrics: EngineMetrics,
}

impl EngineThread {
    pub(super) fn run(self, make: &MakeEngine, report: oneshot::Sender<Result<Cards, EngineError>>) {
        step_back();
        let mut engine = match make() {
            Ok(engine) => TimedEngine { engine, metrics: self.metrics.clone() },
            Err(error) => {
                // Nobody waits for the report when the start has failed already.
                let _ = report.send(Err(error));
                return;
            }
        };
        let _ = report.send(Ok((engine.detector().clone(), engine.encoder().clone())));
        while let Some((first, urgency)) = self.waiting.next() {
            self.answer(&mut engine, self.batch(first, urgency));
        }
        drop(self.alive);
    }

    /// Takes this thread's fair share of what waits, so that no thread idles beside a batch. Who waits for an answer
    /// does not wait for background work as well, and nobody for a slow picture that somebody else sent.
    fn batch(&self, first: Taken, urgency: Urgency) -> Vec<Taken> {
        let share = (self.waiting.len(urgency) + 1).div_ceil(self.threads).min(MAX_BATCH);
        let share = if first.request.is_slow { 1 } else { share };
        let more = std::iter::from_fn(|| self.waiting.more(urgency)).take(share - 1);
        let wanted = std::iter::once(first).chain(more).filter(|taken| !taken.request.is_unwanted());
        let taken = |Taken { request, reservation }| Taken {
            request: request.taken(urgency, &self.metrics),
            reservation,
        };
        let batch: Vec<_> = wanted.map(taken).collect();
        if !batch.is_empty() {
            self.metrics.took_together(batch.len());
        }
        batch
    }

    fn answer(&self, engine: &mut dyn FaceEngine, batch: Vec<Taken>) {
        // What was decoded is held until all are answered.
        let (mut askers, mut pictures, mut reservations) = (Vec::new(), Vec::new(), Vec::new());
        for Taken { request: Request { wanted, asked: Asked { by, .. }, .. }, reservation } in batch {
            let entered = by.enter();
            match wanted {
                Wanted::Encodings(image, reply) => match self.decode(&image) {
                    Ok(picture) => {
                        drop(entered);
                        askers.push(Asker { reply, by });
                        pictures.push((picture, image.options));
                        reservations.push(reservation);
                    }
                    Err(error) => send(reply, Err(error.into())),
                },
                Wanted::Annotation(image, reply) => send(reply, self.annotate(engine, &image)),
                Wanted::Memory(reply) => send(reply, Ok(reservation)),
            }
        }
        encode(engine, askers, &pictures);
    }

    fn decode(&self, image: &Image) -> Result<Picture, ImageError> {
        let decode = || timed(&self.metrics, Step::Decode, || Picture::decode(&image.file, &self.limits));
        let broke_off = |Panicked| ImageError::Invalid { reason: "the decoder broke off".into() };
        guarded(decode).map_err(broke_off)?
    }

    fn annotate(&self, engine: &mut dyn FaceEngine, image: &Image) -> Result<AnnotatedImage, EncodeError> {
        let picture = self.decode(image)?;
        let broke_off = |Panicked| failed("it broke off");
        let faces = guarded(|| engine.detect(&picture, &image.options)).map_err(broke_off)?;
        let faces = faces.map_err(|error| failed(&error.to_string()))?;
        let draw = || timed(&self.metrics, Step::Annotate, || vision::annotate(&picture, &faces));
        let jpeg = guarded(draw).map_err(broke_off)??;
        Ok(AnnotatedImage { faces, jpeg: jpeg.into() })
    }
}

/// Who waits for encodings.
struct Asker {
    reply: Reply<Vec<EncodedFace>>,
    by: Span,
}

/// Encodes the faces of `pictures` in one call of the engine, and answers each of `askers`.
fn encode(engine: &mut dyn FaceEngine, askers: Vec<Asker>, pictures: &[(Picture, DetectOptions)]) {
    let Some(first) = askers.first() else { return };
    let wanted: Vec<_> = pictures.iter().map(|(picture, options)| (picture, *options)).collect();
    // Each asker's trace has the call that all of them share; the first one's has its steps as well.
    let batch = |by: &Span| by.in_scope(|| debug_span!(target: TRACED, "batch", images = wanted.len()));
    let call = batch(&first.by);
    let others: Vec<_> = askers.iter().skip(1).map(|asker| batch(&asker.by)).collect();
    let encoded = call.in_scope(|| guarded(|| engine.encode_faces(&wanted)));
    drop((call, others));
    let error = match encoded {
        Ok(Ok(faces)) => {
            return askers.into_iter().zip(faces).for_each(|(asker, faces)| send(asker.reply, Ok(faces)));
        }
        Ok(Err(error)) => error.to_string(),
        Err(Panicked) => "it broke off".into(),
    };
    if let [_] = pictures {
        return askers.into_iter().for_each(|asker| send(asker.reply, Err(failed(&error))));
    }
    // One of them may be the cause; the others must not suffer for it.
    for (asker, picture) in askers.into_iter().zip(pictures) {
        encode(engine, vec![asker], std::slice::from_ref(picture));
    }
}

struct Panicked;

/// Runs `work`; a panic in it, which would be a defect, ends neither the thread nor the service.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked)
}

fn failed(reason: &str) -> EncodeError {
    error!(reason, "the engine failed");
    EncodeError::Unavailable(format!("the engine failed: {reason}"))
}

fn send<T>(reply: Reply<T>, answer: Result<T, EncodeError>) {
    // Whoever asked may have gone away.
    let _ = reply.send(answer);
}
