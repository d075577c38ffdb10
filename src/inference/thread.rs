//! One of the engine's threads: takes its share of what waits, decodes it, and answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::error;
use vision::{
    DetectOptions, EncodedFace, EngineError, FaceEngine, ImageError, ImageLimits, ModelCard, Picture,
};

use super::embedded::MakeEngine;
use super::line::Waiting;
use super::{AnnotatedImage, EncodeError, Urgency};

/// How far engine threads stand back behind those that answer requests.
const NICENESS: i32 = 5;

/// Most images that one call of the engine takes.
const MAX_BATCH: usize = 4;

/// An image to look at.
pub(super) struct Request {
    pub(super) image: Bytes,
    pub(super) options: DetectOptions,
    pub(super) wanted: Wanted,
}

/// What is wanted of an image, and where it goes.
pub(super) enum Wanted {
    /// Its faces with their vectors.
    Encodings(Reply<Vec<EncodedFace>>),
    /// Its faces, and a copy with them drawn in.
    Annotation(Reply<AnnotatedImage>),
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, EncodeError>>;

pub(super) type Answer<T> = oneshot::Receiver<Result<T, EncodeError>>;

impl Wanted {
    /// Whether nobody waits for it any longer.
    fn is_unwanted(&self) -> bool {
        match self {
            Self::Encodings(reply) => reply.is_closed(),
            Self::Annotation(reply) => reply.is_closed(),
        }
    }

    fn refuse(self, error: EncodeError) {
        match self {
            Self::Encodings(reply) => send(reply, Err(error)),
            Self::Annotation(reply) => send(reply, Err(error)),
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
}

impl EngineThread {
    pub(super) fn run(self, make: &MakeEngine, report: oneshot::Sender<Result<Cards, EngineError>>) {
        step_back();
        let mut engine = match make() {
            Ok(engine) => engine,
            Err(error) => {
                // Nobody waits for the report when the start has failed already.
                let _ = report.send(Err(error));
                return;
            }
        };
        let _ = report.send(Ok((engine.detector().clone(), engine.encoder().clone())));
        while let Some((first, urgency)) = self.waiting.next() {
            self.answer(&mut *engine, self.batch(first, urgency));
        }
        drop(self.alive);
    }

    /// Takes this thread's fair share of what waits, so that no thread idles beside a batch. Who waits for an answer
    /// does not wait for background work as well.
    fn batch(&self, first: Request, urgency: Urgency) -> Vec<Request> {
        let share = (self.waiting.len(urgency) + 1).div_ceil(self.threads).min(MAX_BATCH);
        let more = std::iter::from_fn(|| self.waiting.more(urgency)).take(share - 1);
        std::iter::once(first).chain(more).filter(|request| !request.wanted.is_unwanted()).collect()
    }

    fn answer(&self, engine: &mut dyn FaceEngine, requests: Vec<Request>) {
        let (mut replies, mut pictures) = (Vec::new(), Vec::new());
        for Request { image, options, wanted } in requests {
            let picture = match guarded(|| Picture::decode(&image, &self.limits)) {
                Ok(Ok(picture)) => picture,
                Ok(Err(error)) => {
                    wanted.refuse(error.into());
                    continue;
                }
                Err(Panicked) => {
                    wanted.refuse(ImageError::Invalid { reason: "the decoder broke off".into() }.into());
                    continue;
                }
            };
            match wanted {
                Wanted::Encodings(reply) => {
                    replies.push(reply);
                    pictures.push((picture, options));
                }
                Wanted::Annotation(reply) => send(reply, annotate(engine, &picture, &options)),
            }
        }
        encode(engine, replies, &pictures);
    }
}

fn annotate(
    engine: &mut dyn FaceEngine,
    picture: &Picture,
    options: &DetectOptions,
) -> Result<AnnotatedImage, EncodeError> {
    let broke_off = |Panicked| failed("it broke off");
    let faces = guarded(|| engine.detect(picture, options)).map_err(broke_off)?;
    let faces = faces.map_err(|error| failed(&error.to_string()))?;
    let jpeg = guarded(|| vision::annotate(picture, &faces)).map_err(broke_off)??;
    Ok(AnnotatedImage { faces, jpeg: jpeg.into() })
}

/// Encodes the faces of `pictures` in one call of the engine, and answers each of `replies`.
fn encode(
    engine: &mut dyn FaceEngine,
    replies: Vec<Reply<Vec<EncodedFace>>>,
    pictures: &[(Picture, DetectOptions)],
) {
    if pictures.is_empty() {
        return;
    }
    let wanted: Vec<_> = pictures.iter().map(|(picture, options)| (picture, *options)).collect();
    let error = match guarded(|| engine.encode_faces(&wanted)) {
        Ok(Ok(faces)) => {
            return replies.into_iter().zip(faces).for_each(|(reply, faces)| send(reply, Ok(faces)));
        }
        Ok(Err(error)) => error.to_string(),
        Err(Panicked) => "it broke off".into(),
    };
    if let [_] = pictures {
        return replies.into_iter().for_each(|reply| send(reply, Err(failed(&error))));
    }
    // One of them may be the cause; the others must not suffer for it.
    for (reply, picture) in replies.into_iter().zip(pictures) {
        encode(engine, vec![reply], std::slice::from_ref(picture));
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
