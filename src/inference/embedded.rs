//! The embedded engine as a service: its own threads, a bounded queue, and batches of waiting requests.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::info;
use vision::{
    DecodeCost, DetectOptions, EncodedFace, EngineError, ImageError, ImageHeader, ImageLimits, MinScores,
    ModelCard,
};

use super::line::request::{Asked, Image, Reply, Request, Wanted};
use super::line::{Bounds, Line, Reservation, Stopped, line};
use super::thread::{Alive, EngineThread, MakeEngine};
use super::{AnnotatedImage, Client, EncodeError, Encoding, Urgency, memory};
use crate::metrics::EngineMetrics;
use crate::settings::{Setting, Settings};

/// Decoding time from which an image counts as slow. A photo of 50 megapixels takes half of it.
const SLOW_NANOSECONDS: u64 = 300_000_000;

/// One tebibyte.
const MAX_DECODE_MEMORY_MIB: u64 = 1 << 20;
/// Memory for decoding if the available memory is unknown.
const DECODE_BYTES_OF_UNKNOWN_MACHINE: u64 = 1 << 30;

/// Settings of the embedded engine.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Path of ONNX Runtime's shared library.
    pub runtime: PathBuf,
    /// Folder of the model pack.
    pub pack: PathBuf,
    /// Number of engine threads, each with its own copy of the models.
    pub threads: usize,
    /// Maximum number of images waiting for a thread.
    pub queue: usize,
    /// Limits of images to decode.
    pub limits: ImageLimits,
    /// Minimum scores below which a face has an issue.
    pub min_scores: MinScores,
}

impl EngineConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let library = if cfg!(target_os = "macos") { "libonnxruntime.dylib" } else { "libonnxruntime.so" };
        let home = Setting::new("FACEQL_HOME", "Folder that `make prepare` installs into.");
        let home = settings.text(home, ".faceql");
        let threads = Setting::new(
            "FACEQL_ENGINE_THREADS",
            "Engine threads, each with its own copy of the models in memory. 0: one for each processor.",
        );
        let threads = match settings.number(threads, 0, 0..=256) {
            0 => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            threads => threads,
        };
        let runtime = Setting::new("FACEQL_ONNX_RUNTIME", "Shared library of ONNX Runtime.");
        let pack = Setting::new("FACEQL_MODEL_PACK", "Folder of the model pack.");
        let queue = Setting::new("FACEQL_ENGINE_QUEUE", "Images that may wait for an engine thread.");
        Self {
            runtime: settings.path(runtime, &format!("{home}/lib/{library}")),
            pack: settings.path(pack, &format!("{home}/packs/standard")),
            threads,
            queue: settings.number(queue, 64, 1..=10_000),
            limits: image_limits(settings),
            min_scores: min_scores(settings),
        }
    }
}

fn image_limits(settings: &mut Settings) -> ImageLimits {
    let bytes = Setting::new("FACEQL_MAX_UPLOAD_BYTES", "Largest image file, in bytes.");
    let pixels = Setting::new(
        "FACEQL_MAX_IMAGE_PIXELS",
        "Largest image, in pixels (width times height), as its header says.",
    );
    let memory = Setting::new(
        "FACEQL_DECODE_MEMORY_MIB",
        "Memory for decoding images, in MiB. An image that could need more is refused; others wait for each other. 0: half \
         of the memory of the machine or its cgroup.",
    );
    ImageLimits {
        max_bytes: settings.number(bytes, 20_971_520, 1024..=1_073_741_824),
        max_pixels: settings.number(pixels, 50_000_000, 4096..=1_000_000_000),
        max_decode_bytes: match settings.number(memory, 0, 0..=MAX_DECODE_MEMORY_MIB) {
            0 => memory::available().map_or(DECODE_BYTES_OF_UNKNOWN_MACHINE, |available| available / 2),
            mebibytes => mebibytes << 20,
        },
    }
}

fn min_scores(settings: &mut Settings) -> MinScores {
    let mut score = |name, about| settings.share(Setting::new(name, about));
    MinScores {
        size: score(
            "FACEQL_LEAST_SIZE",
            "Lowest score for the size of a face, 0 to 1; a face below it is TOO_SMALL. Empty: the pack's.",
        ),
        sharpness: score(
            "FACEQL_LEAST_SHARPNESS",
            "Lowest score for the sharpness of a face, 0 to 1; a face below it is BLURRED. Empty: the pack's.",
        ),
        brightness: score(
            "FACEQL_LEAST_BRIGHTNESS",
            "Lowest score for the light on a face, 0 to 1; a face below it is TOO_DARK or TOO_BRIGHT. Empty: the pack's.",
        ),
        contrast: score(
            "FACEQL_LEAST_CONTRAST",
            "Lowest score for the contrast of a face, 0 to 1; a face below it has LOW_CONTRAST. Empty: the pack's.",
        ),
        frontality: score(
            "FACEQL_LEAST_FRONTALITY",
            "Lowest score for looking at the camera, 0 to 1; a face below it has an EXTREME_POSE. Empty: the pack's.",
        ),
        confidence: score(
            "FACEQL_LEAST_CONFIDENCE",
            "Lowest confidence of the detector, 0 to 1; a face below it has LOW_CONFIDENCE. Empty: the pack's.",
        ),
        share_inside: score(
            "FACEQL_LEAST_SHARE_INSIDE",
            "Lowest share of a face's box that lies within the image, 0 to 1; a face below it is CUT_OFF. Empty: 0.95.",
        ),
    }
}

/// Why the engine could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The models or the runtime could not be loaded.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A thread ended during startup.
    #[error("an engine thread ended before it was ready")]
    ThreadDied,
}

/// Sends images to the engine threads. The threads end when the last clone is dropped.
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
    /// Starts `config.threads` threads with one engine each, and returns when all of them have warmed up.
    ///
    /// # Errors
    /// When an engine cannot be created or warmed up.
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
        info!(threads = config.threads, model = model.name, "the engine is ready");
        Ok(Self { line, limits: config.limits, detector, model, threads, metrics })
    }

    /// An engine without threads that rejects every image, for work on existing vectors.
    #[must_use]
    pub fn idle(detector: ModelCard, model: ModelCard) -> Self {
        let limits = ImageLimits { max_bytes: 0, max_pixels: 0, max_decode_bytes: 0 };
        let (line, _nobody_waits) = line(Bounds { places: 1, threads: 1, memory: 0 });
        Self { line, limits, detector, model, threads: Arc::default(), metrics: EngineMetrics::default() }
    }

    /// See [`super::Encoder::encode`]. A request whose caller is cancelled is not processed.
    ///
    /// # Errors
    /// [`EncodeError::Image`] for an invalid image, [`EncodeError::Unavailable`] when the engine fails.
    pub async fn encode(&self, client: &Client, image: Bytes) -> Result<Vec<Encoding>, EncodeError> {
        let faces = self.analyse(client, image, DetectOptions::default(), Urgency::Background).await?;
        Ok(faces.into_iter().map(Encoding::from).collect())
    }

    /// The selected faces of `image`, largest first, each with its quality and vector. A request whose caller is
    /// cancelled is not processed.
    ///
    /// # Errors
    /// Same as [`Self::encode`].
    pub async fn analyse(
        &self,
        client: &Client,
        image: Bytes,
        options: DetectOptions,
        urgency: Urgency,
    ) -> Result<Vec<EncodedFace>, EncodeError> {
        self.look(client, Image { file: image, options }, urgency, Wanted::Encodings).await
    }

    /// The selected faces of `image`, largest first, each with its quality, and an annotated copy of the image. A
    /// request whose caller is cancelled is not processed.
    ///
    /// # Errors
    /// Same as [`Self::encode`].
    pub async fn annotate(
        &self,
        client: &Client,
        image: Bytes,
        options: DetectOptions,
        urgency: Urgency,
    ) -> Result<AnnotatedImage, EncodeError> {
        self.look(client, Image { file: image, options }, urgency, Wanted::Annotation).await
    }

    /// Reserves memory for decoding `bytes` outside of the engine, as background work when it is the client's turn.
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

    /// Estimates the cost of decoding an image before it is enqueued.
    async fn cost(&self, image: Bytes) -> Result<DecodeCost, EncodeError> {
        let limits = self.limits;
        let reading = tokio::task::spawn_blocking(move || ImageHeader::read(&image, &limits));
        let broke_off = |_| ImageError::Invalid { reason: "reading its header failed".into() };
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

    /// The model that detects faces.
    #[must_use]
    pub fn detector(&self) -> &ModelCard {
        &self.detector
    }

    /// The model that computes the vectors.
    #[must_use]
    pub fn model(&self) -> &ModelCard {
        &self.model
    }

    /// Metrics of the engine threads.
    #[must_use]
    pub fn metrics(&self) -> &EngineMetrics {
        &self.metrics
    }

    /// Number of running threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.load(Ordering::Relaxed)
    }

    /// Number of images waiting for a thread, by urgency.
    #[must_use]
    pub fn waiting(&self) -> [(&'static str, usize); 2] {
        [Urgency::Urgent, Urgency::Background].map(|urgency| (urgency.name(), self.line.len(urgency)))
    }

    /// A one-line status for operators.
    ///
    /// # Errors
    /// When no thread is running.
    pub fn health(&self) -> Result<String, String> {
        let (threads, waiting) =
            (self.threads(), self.waiting().iter().map(|(_, images)| images).sum::<usize>());
        let line = format!("embedded, {threads} thread(s), {waiting} image(s) waiting");
        if threads > 0 { Ok(line) } else { Err(line) }
    }
}

impl From<EncodedFace> for Encoding {
    fn from(encoded: EncodedFace) -> Self {
        let vector = encoded.embedding.values().iter().copied().map(super::decimal::widen).collect();
        Self { vector, face: Some(encoded.face) }
    }
}
