//! A face engine that finds no faces, fails a given number of times, and blocks at a gate.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use entity::ids::Tenant;
use faceql::inference::{Client, EmbeddedEncoder, EngineConfig};
use tokio::sync::watch;
use vision::{
    Chip, DetectOptions, DetectedFace, Embedding, EngineError, FaceEngine, ImageLimits, Landmarks, Matching,
    Metric, MinScores, ModelCard, ModelDigest, ModelRole, Picture, SimilarityCurve, Thresholds,
};

/// How the engine behaves, and what it has received.
pub(crate) struct Script {
    failures: AtomicUsize,
    asked: watch::Sender<usize>,
    widths: Mutex<Vec<u32>>,
    shut: Mutex<bool>,
    opened: Condvar,
}

/// A tenant's jobs.
pub(crate) fn client_of(tenant: &str) -> Client {
    Client::job(&Tenant::parse(tenant).unwrap())
}

/// Returns once that many images wait for the engine.
pub(crate) async fn in_line(encoder: &EmbeddedEncoder, images: usize) {
    while encoder.waiting().iter().map(|(_, images)| images).sum::<usize>() < images {
        tokio::task::yield_now().await;
    }
}

impl Script {
    /// Fails the first `failures` times.
    pub(crate) fn failing(failures: usize) -> Arc<Self> {
        let (asked, shut) = (watch::Sender::new(0), Mutex::new(false));
        let (failures, widths) = (AtomicUsize::new(failures), Mutex::default());
        Arc::new(Self { failures, asked, widths, shut, opened: Condvar::new() })
    }

    /// Blocks on every image until [`Script::open`].
    pub(crate) fn gated() -> Arc<Self> {
        let script = Self::failing(0);
        *script.shut.lock().unwrap() = true;
        script
    }

    /// Fails the next `times`.
    pub(crate) fn fail(&self, times: usize) {
        self.failures.store(times, Ordering::SeqCst);
    }

    pub(crate) fn open(&self) {
        *self.shut.lock().unwrap() = false;
        self.opened.notify_all();
    }

    /// Returns once the engine has received `images`.
    pub(crate) async fn asked(&self, images: usize) {
        self.asked.subscribe().wait_for(|asked| *asked >= images).await.unwrap();
    }

    /// The widths of the images that the engine has received, in order.
    pub(crate) fn widths(&self) -> Vec<u32> {
        self.widths.lock().unwrap().clone()
    }

    /// An encoder of one thread that behaves by this script.
    pub(crate) async fn encoder(self: &Arc<Self>) -> EmbeddedEncoder {
        let config = EngineConfig {
            runtime: PathBuf::new(),
            pack: PathBuf::new(),
            threads: 1,
            queue: 64,
            limits: ImageLimits { max_bytes: 1 << 20, max_pixels: 1 << 20, max_decode_bytes: 1 << 28 },
            min_scores: MinScores::default(),
        };
        let script = self.clone();
        let make = move || Ok(Box::new(FakeEngine::new(script.clone())) as Box<dyn FaceEngine>);
        EmbeddedEncoder::start(&config, Arc::new(make)).await.unwrap()
    }

    fn act(&self) -> Result<(), EngineError> {
        self.asked.send_modify(|asked| *asked += 1);
        drop(self.opened.wait_while(self.shut.lock().unwrap(), |shut| *shut).unwrap());
        let fewer = |left: usize| left.checked_sub(1);
        match self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer) {
            Ok(_) => Err(EngineError::Inference { file: "fake".into(), reason: "on purpose".into() }),
            Err(_) => Ok(()),
        }
    }
}

struct FakeEngine {
    script: Arc<Script>,
    detector: ModelCard,
    encoder: ModelCard,
}

impl FakeEngine {
    fn new(script: Arc<Script>) -> Self {
        Self { script, detector: card(ModelRole::Detector, 1), encoder: card(ModelRole::Encoder, 2) }
    }
}

impl FaceEngine for FakeEngine {
    fn detector(&self) -> &ModelCard {
        &self.detector
    }

    fn encoder(&self) -> &ModelCard {
        &self.encoder
    }

    fn detect(&mut self, picture: &Picture, _: &DetectOptions) -> Result<Vec<DetectedFace>, EngineError> {
        self.script.widths.lock().unwrap().push(picture.width());
        self.script.act().map(|()| Vec::new())
    }

    fn align(&self, _: &Picture, _: &Landmarks) -> Chip {
        unreachable!("there is no face to align")
    }

    fn encode(&mut self, _: &[Chip]) -> Result<Vec<Embedding>, EngineError> {
        Ok(Vec::new())
    }
}

fn card(role: ModelRole, digest: u8) -> ModelCard {
    ModelCard {
        name: "fake".into(),
        version: "1".into(),
        role,
        digest: ModelDigest::from_bytes([digest; 32]),
        dimensions: Some(128),
        metric: Some(Metric::Euclidean),
        matching: Some(Matching {
            verify: Thresholds { matched: 0.6, possible: 0.65 },
            search: Thresholds { matched: 0.5, possible: 0.6 },
            similarity: SimilarityCurve { midpoint: 0.6, slope: 10.0 },
        }),
        license: "none".into(),
        training_data: None,
    }
}
