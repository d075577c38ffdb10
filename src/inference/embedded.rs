//! The embedded engine as a service: threads of its own, a bounded queue, and batches of what waits.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::info;
use vision::{
    DecodeCost, DetectOptions, EncodedFace, EngineError, FaceEngine, ImageError, ImageHeader, ImageLimits,
    LeastScores, ModelCard,
};

use super::line::{Bounds, Line, Reservation, Stopped, line};
use super::thread::{Alive, Asked, EngineThread, Image, Reply, Request, Wanted};
use super::{AnnotatedImage, Client, EncodeError, Encoding, Urgency, memory};
use crate::config::{Setting, Settings};
use crate::metrics::EngineMetrics;

/// From which time a picture is slow to decode. A photo of 50 megapixels takes half of it.
const SLOW_NANOSECONDS: u64 = 300_000_000;

/// A tebibyte.
const MAX_DECODE_MEMORY_MIB: u64 = 1 << 20;
/// For decoding, where nothing says how much memory there is.
const DECODE_BYTES_OF_UNKNOWN_MACHINE: u64 = 1 << 30;

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
        let memory = Setting {
            name: "FACEQL_DECODE_MEMORY_MIB",
            about: "Memory for decoding images, in MiB; an image that could need more is refused, others wait for each other. 0 means half of what the machine or its cgroup has.",
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
                max_decode_bytes: match settings.number(memory, 0, 0..=MAX_DECODE_MEMORY_MIB) {
                    0 => {
                        memory::available().map_or(DECODE_BYTES_OF_UNKNOWN_MACHINE, |available| available / 2)
                    }
                    mebibytes => mebibytes << 20,
                },
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

/// Hands images to the engine threads. The threads end with its last clone.
#[derive(Clone)]
pub struct EmbeddedEncoder {
    line: Line,
    limits: ImageLimits,
    detector: ModelCard,
    model: ModelCard,
    threads: Arc<AtomicUsize>,
    metrics: EngineMetrics,
}

impl EmbeddedEncoder {
    /// Starts `config.threads` threads with an engine each, and returns once all of them are warm.
    ///
    /// # Errors
    /// When an engine cannot be made or warmed up.
    pub async fn start(config: &EngineConfig, make: Arc<MakeEngine>) -> Result<Self, StartError> {
        let (line, waiting) = line(Bounds {
            places: config.queue,
            threads: config.threads,
            memory: config.limits.max_decode_bytes,
        });
        let (threads, metrics) = (Arc::new(AtomicUsize::new(0)), EngineMetrics::default());
        let mut ready = Vec::new();
        for number in 0..config.threads {
            let (report, warm) = oneshot::channel();
            let thread = EngineThread {
                waiting: waiting.clone(),
                limits: config.limits,
                threads: config.threads,
                alive: Alive::new(&threads),
                metrics: metrics.clone(),
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
        Ok(Self { line, limits: config.limits, detector, model, threads, metrics })
    }

    /// An engine without threads, which refuses every picture: for work on vectors that are there already.
    #[must_use]
    pub fn idle(detector: ModelCard, model: ModelCard) -> Self {
        let limits = ImageLimits { max_bytes: 0, max_pixels: 0, max_decode_bytes: 0 };
        let (line, _nobody_waits) = line(Bounds { places: 1, threads: 1, memory: 0 });
        Self { line, limits, detector, model, threads: Arc::default(), metrics: EngineMetrics::default() }
    }

    /// See [`super::Encoder::encode`]. When the caller goes away, the work is not begun.
    ///
    /// # Errors
    /// [`EncodeError::Image`] for an image that is none, [`EncodeError::Unavailable`] when the engine fails.
    pub async fn encode(&self, client: &Client, image: Bytes) -> Result<Vec<Encoding>, EncodeError> {
        let faces = self.analyse(client, image, DetectOptions::default(), Urgency::Background).await?;
        Ok(faces.into_iter().map(Encoding::from).collect())
    }

    /// The wanted faces of `image`, largest first, each judged and encoded. When the caller goes away, the work is not
    /// begun.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub async fn analyse(
        &self,
        client: &Client,
        image: Bytes,
        options: DetectOptions,
        urgency: Urgency,
    ) -> Result<Vec<EncodedFace>, EncodeError> {
        self.look(client, Image { file: image, options }, urgency, Wanted::Encodings).await
    }

    /// The wanted faces of `image`, largest first, each judged, and a copy of it with them drawn in. When the caller goes
    /// away, the work is not begun.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub async fn annotate(
        &self,
        client: &Client,
        image: Bytes,
        options: DetectOptions,
        urgency: Urgency,
    ) -> Result<AnnotatedImage, EncodeError> {
        self.look(client, Image { file: image, options }, urgency, Wanted::Annotation).await
    }

    /// Memory for decoding `bytes` beside the engine, in the background, once it is the client's turn.
    ///
    /// # Errors
    /// [`EncodeError::Unavailable`] when the engine has stopped.
    pub async fn reserve(&self, client: &Client, bytes: u64) -> Result<Reservation, EncodeError> {
        let (reply, answer) = oneshot::channel();
        let request = Request {
            client: client.clone(),
            memory_bytes: bytes,
            is_slow: false,
            wanted: Wanted::Memory(reply),
            asked: Asked::now(),
        };
        self.ask(request, Urgency::Background, answer).await
    }

    async fn look<T>(
        &self,
        client: &Client,
        image: Image,
        urgency: Urgency,
        wanted: impl FnOnce(Image, Reply<T>) -> Wanted,
    ) -> Result<T, EncodeError> {
        let asked = Asked::now();
        let DecodeCost { memory_bytes, nanoseconds, .. } = self.cost(image.file.clone()).await?;
        let (reply, answer) = oneshot::channel();
        let request = Request {
            client: client.clone(),
            memory_bytes,
            is_slow: nanoseconds > SLOW_NANOSECONDS,
            wanted: wanted(image, reply),
            asked,
        };
        self.ask(request, urgency, answer).await
    }

    /// What an image will cost, before it takes a place in the line.
    async fn cost(&self, image: Bytes) -> Result<DecodeCost, EncodeError> {
        let limits = self.limits;
        let reading = tokio::task::spawn_blocking(move || ImageHeader::read(&image, &limits));
        let broke_off = |_| ImageError::Invalid { reason: "reading its header broke off".into() };
        Ok(reading.await.map_err(broke_off)??.cost)
    }

    async fn ask<T>(
        &self,
        request: Request,
        urgency: Urgency,
        answer: oneshot::Receiver<Result<T, EncodeError>>,
    ) -> Result<T, EncodeError> {
        let gone = || EncodeError::Unavailable("the engine has stopped".into());
        self.line.send(request, urgency).await.map_err(|Stopped| gone())?;
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

    /// What its threads count.
    #[must_use]
    pub fn metrics(&self) -> &EngineMetrics {
        &self.metrics
    }

    /// How many threads are alive.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.load(Ordering::Relaxed)
    }

    /// How many images wait for a thread, by the name of their urgency.
    #[must_use]
    pub fn waiting(&self) -> [(&'static str, usize); 2] {
        [Urgency::Urgent, Urgency::Background].map(|urgency| (urgency.name(), self.line.len(urgency)))
    }

    /// One line on how it is, for operators.
    ///
    /// # Errors
    /// When no thread is left.
    pub fn health(&self) -> Result<String, String> {
        let (threads, waiting) =
            (self.threads(), self.waiting().iter().map(|(_, images)| images).sum::<usize>());
        let line = format!("embedded, {threads} thread(s), {waiting} image(s) waiting");
        if threads > 0 { Ok(line) } else { Err(line) }
    }
}

impl From<EncodedFace> for Encoding {
    fn from(encoded: EncodedFace) -> Self {
        let vector = encoded.embedding.values().iter().copied().map(crate::decimal::widen).collect();
        Self { vector, face: Some(encoded.face) }
    }
}
