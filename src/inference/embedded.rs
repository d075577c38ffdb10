//! The embedded engine as a service: threads of its own, a bounded queue, and batches of what waits.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::{error, info};
use vision::{
    DetectOptions, EncodedFace, EngineError, FaceEngine, ImageError, ImageLimits, LeastScores, ModelCard,
    Picture,
};

use super::line::{Line, Stopped, Waiting, line};
use super::{EncodeError, Encoding, Urgency};
use crate::config::{Setting, Settings};

/// How far engine threads stand back behind those that answer requests.
const NICENESS: i32 = 5;

/// Most images that one call of the engine takes.
const MAX_BATCH: usize = 4;

/// The embedded engine.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// ONNX Runtime's shared library.
    pub runtime: PathBuf,
    /// The model pack's folder.
    pub pack: PathBuf,
    /// Engine threads; each holds the models once.
    pub threads: usize,
    /// Images that may wait for a thread.
    pub queue: usize,
    /// What is decoded at all.
    pub limits: ImageLimits,
    /// Below which scores a face has an issue.
    pub least_scores: LeastScores,
}

impl EngineConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let library = if cfg!(target_os = "macos") { "libonnxruntime.dylib" } else { "libonnxruntime.so" };
        let home = Setting { name: "FACEQL_HOME", about: "The folder that `make prepare` installs into." };
        let runtime = Setting { name: "FACEQL_ONNX_RUNTIME", about: "ONNX Runtime's shared library." };
        let pack = Setting { name: "FACEQL_MODEL_PACK", about: "The folder of the model pack." };
        let threads = Setting {
            name: "FACEQL_ENGINE_THREADS",
            about: "Engine threads, each with the models in memory; 0 means one for each processor.",
        };
        let queue =
            Setting { name: "FACEQL_ENGINE_QUEUE", about: "Images that may wait for an engine thread." };
        let bytes = Setting { name: "FACEQL_MAX_UPLOAD_BYTES", about: "Largest image file, in bytes." };
        let pixels = Setting {
            name: "FACEQL_MAX_IMAGE_PIXELS",
            about: "Largest image, in pixels (width times height), read from its header.",
        };
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let home = settings.text(home, ".faceql");
        let threads = settings.number(threads, 0, 0..=256);
        Self {
            runtime: settings.path(runtime, &format!("{home}/lib/{library}")),
            pack: settings.path(pack, &format!("{home}/packs/standard")),
            threads: if threads == 0 { processors } else { threads },
            queue: settings.number(queue, 64, 1..=10_000),
            limits: ImageLimits {
                max_bytes: settings.number(bytes, 20_971_520, 1024..=1_073_741_824),
                max_pixels: settings.number(pixels, 50_000_000, 4096..=1_000_000_000),
            },
            least_scores: least_scores(settings),
        }
    }
}

fn least_scores(settings: &mut Settings) -> LeastScores {
    let mut score = |name, about| settings.share(Setting { name, about });
    LeastScores {
        size: score(
            "FACEQL_LEAST_SIZE",
            "Least score, 0 to 1, of the face's size in pixels; below it the face is TOO_SMALL. Empty: the pack's.",
        ),
        sharpness: score(
            "FACEQL_LEAST_SHARPNESS",
            "Least score, 0 to 1, of the finest detail in the face; below it the face is BLURRED. Empty: the pack's.",
        ),
        brightness: score(
            "FACEQL_LEAST_BRIGHTNESS",
            "Least score, 0 to 1, of the light on the face; below it it is TOO_DARK or TOO_BRIGHT. Empty: the pack's.",
        ),
        contrast: score(
            "FACEQL_LEAST_CONTRAST",
            "Least score, 0 to 1, of light against dark; below it the face has LOW_CONTRAST. Empty: the pack's.",
        ),
        frontality: score(
            "FACEQL_LEAST_FRONTALITY",
            "Least score, 0 to 1, of looking at the camera; below it it is an EXTREME_POSE. Empty: the pack's.",
        ),
        confidence: score(
            "FACEQL_LEAST_CONFIDENCE",
            "Least score, 0 to 1, of the detector's confidence; below it there is LOW_CONFIDENCE. Empty: the pack's.",
        ),
        share_inside: score(
            "FACEQL_LEAST_SHARE_INSIDE",
            "Least share, 0 to 1, of the face's box within the picture; below it the face is CUT_OFF. Empty: 0.95.",
        ),
    }
}

/// Makes one engine for one thread.
pub type MakeEngine = dyn Fn() -> Result<Box<dyn FaceEngine>, EngineError> + Send + Sync;

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The models or the runtime could not be loaded.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A thread died while it was loading.
    #[error("an engine thread ended before it was ready")]
    ThreadDied,
}

pub(super) struct Request {
    image: Bytes,
    options: DetectOptions,
    reply: Reply,
}

/// Hands images to the engine threads. The threads end with its last clone.
#[derive(Clone)]
pub struct EmbeddedEncoder {
    line: Line,
    detector: ModelCard,
    model: ModelCard,
    threads: Arc<AtomicUsize>,
}

impl EmbeddedEncoder {
    /// Starts `config.threads` threads with an engine each, and returns once all of them are warm.
    ///
    /// # Errors
    /// When an engine cannot be made or warmed up.
    pub async fn start(config: &EngineConfig, make: Arc<MakeEngine>) -> Result<Self, StartError> {
        let (line, waiting) = line(config.queue);
        let threads = Arc::new(AtomicUsize::new(0));
        let mut ready = Vec::new();
        for number in 0..config.threads {
            let (report, warm) = oneshot::channel();
            let thread = EngineThread {
                waiting: waiting.clone(),
                limits: config.limits,
                threads: config.threads,
                alive: Alive::new(&threads),
            };
            let make = make.clone();
            std::thread::Builder::new()
                .name(format!("engine-{number}"))
                .spawn(move || thread.run(&*make, report))
                .map_err(|_| StartError::ThreadDied)?;
            ready.push(warm);
        }
        let mut cards = None;
        for warm in ready {
            cards = Some(warm.await.map_err(|_| StartError::ThreadDied)??);
        }
        let (detector, model) = cards.ok_or(StartError::ThreadDied)?;
        info!(threads = config.threads, model = model.name, "the engine is warm");
        Ok(Self { line, detector, model, threads })
    }

    /// See [`super::Encoder::encode`]. When the caller goes away, the work is not begun.
    ///
    /// # Errors
    /// [`EncodeError::Image`] for an image that is none, [`EncodeError::Unavailable`] when the engine fails.
    pub async fn encode(&self, image: Bytes) -> Result<Vec<Encoding>, EncodeError> {
        let faces = self.analyse(image, DetectOptions::default(), Urgency::Background).await?;
        Ok(faces.into_iter().map(Encoding::from).collect())
    }

    /// The wanted faces of `image`, largest first, each judged and encoded. When the caller goes away, the work is not
    /// begun.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub async fn analyse(
        &self,
        image: Bytes,
        options: DetectOptions,
        urgency: Urgency,
    ) -> Result<Vec<EncodedFace>, EncodeError> {
        let gone = || EncodeError::Unavailable("the engine has stopped".into());
        let (reply, answer) = oneshot::channel();
        let taken = self.line.send(Request { image, options, reply }, urgency).await;
        taken.map_err(|Stopped| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// The model that finds faces.
    #[must_use]
    pub fn detector(&self) -> &ModelCard {
        &self.detector
    }

    /// The model that gives the vectors.
    #[must_use]
    pub fn model(&self) -> &ModelCard {
        &self.model
    }

    /// One line on how it is, for operators.
    ///
    /// # Errors
    /// When no thread is left.
    pub fn health(&self) -> Result<String, String> {
        let (threads, waiting) = (self.threads.load(Ordering::Relaxed), self.line.len());
        let line = format!("embedded, {threads} thread(s), {waiting} image(s) waiting");
        if threads > 0 { Ok(line) } else { Err(line) }
    }
}

/// Counts a thread for as long as it lives.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(threads: &Arc<AtomicUsize>) -> Self {
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

struct EngineThread {
    waiting: Waiting,
    limits: ImageLimits,
    threads: usize,
    alive: Alive,
}

impl EngineThread {
    fn run(self, make: &MakeEngine, report: oneshot::Sender<Result<Cards, EngineError>>) {
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
        std::iter::once(first).chain(more).filter(|request| !request.reply.is_closed()).collect()
    }

    fn answer(&self, engine: &mut dyn FaceEngine, requests: Vec<Request>) {
        let (mut replies, mut pictures) = (Vec::new(), Vec::new());
        for request in requests {
            match guarded(|| Picture::decode(&request.image, &self.limits)) {
                Ok(Ok(picture)) => {
                    replies.push(request.reply);
                    pictures.push((picture, request.options));
                }
                Ok(Err(error)) => send(request.reply, Err(error.into())),
                Err(Panicked) => {
                    let reason = "the decoder broke off".into();
                    send(request.reply, Err(ImageError::Invalid { reason }.into()));
                }
            }
        }
        encode(engine, replies, &pictures);
    }
}

/// Encodes the faces of `pictures` in one call of the engine, and answers each of `replies`.
fn encode(engine: &mut dyn FaceEngine, replies: Vec<Reply>, pictures: &[(Picture, DetectOptions)]) {
    if pictures.is_empty() {
        return;
    }
    let wanted: Vec<_> = pictures.iter().map(|(picture, options)| (picture, *options)).collect();
    match guarded(|| engine.encode_faces(&wanted)) {
        Ok(Ok(faces)) => replies.into_iter().zip(faces).for_each(|(reply, faces)| {
            send(reply, Ok(faces));
        }),
        // One of them may be the cause; the others must not suffer for it.
        Ok(Err(_)) | Err(Panicked) if pictures.len() > 1 => {
            for (reply, picture) in replies.into_iter().zip(pictures) {
                encode(engine, vec![reply], std::slice::from_ref(picture));
            }
        }
        Ok(Err(error)) => fail(replies, &error.to_string()),
        Err(Panicked) => fail(replies, "the engine broke off"),
    }
}

struct Panicked;

/// Runs `work`; a panic in it, which would be a defect, ends neither the thread nor the service.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked)
}

fn fail(replies: Vec<Reply>, reason: &str) {
    error!(reason, images = replies.len(), "the engine failed");
    for reply in replies {
        send(reply, Err(EncodeError::Unavailable(format!("the engine failed: {reason}"))));
    }
}

type Reply = oneshot::Sender<Result<Vec<EncodedFace>, EncodeError>>;

fn send(reply: Reply, answer: Result<Vec<EncodedFace>, EncodeError>) {
    // Whoever asked may have gone away.
    let _ = reply.send(answer);
}

impl From<EncodedFace> for Encoding {
    fn from(encoded: EncodedFace) -> Self {
        let vector = encoded.embedding.values().iter().copied().map(crate::decimal::widen).collect();
        Self { vector, face: Some(encoded.face) }
    }
}
