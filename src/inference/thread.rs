//! An engine thread: takes its share of the waiting requests, decodes and encodes the images, and sends the responses.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;
use tracing::{Span, debug_span, error};
use vision::{
    DetectOptions, EncodedFace, EngineError, FaceEngine, ImageError, ImageLimits, ModelCard, Picture,
};

use super::line::request::{Asked, Image, Reply, Request, Wanted};
use super::line::{Taken, Waiting};
use super::timed::{TimedEngine, timed};
use super::{AnnotatedImage, EncodeError, Urgency};
use crate::metrics::{EngineMetrics, Step};
use crate::telemetry::TRACED;

/// Niceness of engine threads, which gives priority to threads that handle requests.
const NICENESS: i32 = 5;

/// Maximum number of images per call of the engine.
const MAX_BATCH: usize = 4;

/// Creates the engine of one thread.
pub type MakeEngine = dyn Fn() -> Result<Box<dyn FaceEngine>, EngineError> + Send + Sync;

/// Counts a thread while it runs.
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

/// Lowers the thread's priority, so that uploads are acknowledged quickly while the engine is busy.
fn step_back() {
    // On Linux niceness is per thread; on other systems it would slow down the whole process.
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
                // The receiver is gone if the start has already failed.
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

    /// Takes this thread's fair share of the waiting requests, so that no thread is idle while another processes a
    /// batch. Urgent requests are not batched with background work, nor with slow images of other requests.
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
        // Decoded images are kept until all responses are sent.
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
        let broke_off = |Panicked| ImageError::Invalid { reason: "the decoder failed".into() };
        guarded(decode).map_err(broke_off)?
    }

    fn annotate(&self, engine: &mut dyn FaceEngine, image: &Image) -> Result<AnnotatedImage, EncodeError> {
        let picture = self.decode(image)?;
        let broke_off = |Panicked| failed("the engine panicked");
        let faces = guarded(|| engine.detect(&picture, &image.options)).map_err(broke_off)?;
        let faces = faces.map_err(|error| failed(&error.to_string()))?;
        let draw = || timed(&self.metrics, Step::Annotate, || vision::annotate(&picture, &faces));
        let jpeg = guarded(draw).map_err(broke_off)??;
        Ok(AnnotatedImage { faces, jpeg: jpeg.into() })
    }
}

/// A requester of encodings.
struct Asker {
    reply: Reply<Vec<EncodedFace>>,
    by: Span,
}

/// Encodes the faces of `pictures` in one call of the engine, and responds to each of `askers`.
fn encode(engine: &mut dyn FaceEngine, askers: Vec<Asker>, pictures: &[(Picture, DetectOptions)]) {
    let Some(first) = askers.first() else { return };
    let wanted: Vec<_> = pictures.iter().map(|(picture, options)| (picture, *options)).collect();
    // The shared call appears in each requester's trace; its steps appear only in the first one's.
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
        Err(Panicked) => "the engine panicked".into(),
    };
    if let [_] = pictures {
        return askers.into_iter().for_each(|asker| send(asker.reply, Err(failed(&error))));
    }
    // A single image may have caused the failure, so each is retried alone.
    for (asker, picture) in askers.into_iter().zip(pictures) {
        encode(engine, vec![asker], std::slice::from_ref(picture));
    }
}

struct Panicked;

/// Runs `work`; a panic in it, which would be a bug, ends neither the thread nor the service.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked)
}

fn failed(reason: &str) -> EncodeError {
    error!(reason, "the engine failed");
    EncodeError::Unavailable(format!("the engine failed: {reason}"))
}

fn send<T>(reply: Reply<T>, answer: Result<T, EncodeError>) {
    // The requester may be gone.
    let _ = reply.send(answer);
}
