//! The engine that the service speaks to: blocking, one picture or batch at a time, for one thread.

use std::path::{Path, PathBuf};

use crate::align::Chip;
use crate::card::ModelCard;
use crate::detect::{DetectOptions, DetectedFace, FoundFace, Mtcnn};
use crate::embedding::{Embedding, EmbeddingError};
use crate::encode::Encoder;
use crate::geometry::Landmarks;
use crate::image::Picture;
use crate::pack::{Pack, QualityScale};
use crate::quality::LeastScores;
use crate::session::Runtime;

/// Finds faces and turns them into embeddings. Blocking; an engine works for one thread at a time.
pub trait FaceEngine: Send {
    /// The model that finds faces.
    fn detector(&self) -> &ModelCard;

    /// The model that makes embeddings.
    fn encoder(&self) -> &ModelCard;

    /// The faces of a picture, largest first, judged by their quality.
    fn detect(
        &mut self,
        picture: &Picture,
        options: &DetectOptions,
    ) -> Result<Vec<DetectedFace>, EngineError>;

    /// Cuts the encoder's chip. landmarks: in pixels of the original picture. Returns RGB8, as large as the encoder
    /// wants it.
    fn align(&self, picture: &Picture, landmarks: &Landmarks) -> Chip;

    /// One embedding per chip, in their order. Several chips share a run of the network.
    fn encode(&mut self, chips: &[Chip]) -> Result<Vec<Embedding>, EngineError>;

    /// The faces of a picture as [`FaceEngine::detect`] gives them, each with its chip. An engine that cuts chips to judge
    /// faces hands them over here instead of cutting them twice.
    fn detect_chips(
        &mut self,
        picture: &Picture,
        options: &DetectOptions,
    ) -> Result<Vec<(DetectedFace, Chip)>, EngineError> {
        let faces = self.detect(picture, options)?;
        let with_chip = |face: DetectedFace| {
            let chip = self.align(picture, &face.landmarks);
            (face, chip)
        };
        Ok(faces.into_iter().map(with_chip).collect())
    }

    /// The wanted faces of several pictures with their embeddings, in the order of the pictures, largest face first. All
    /// faces of all pictures share the runs of the encoder.
    fn encode_faces(
        &mut self,
        pictures: &[(&Picture, DetectOptions)],
    ) -> Result<Vec<Vec<EncodedFace>>, EngineError> {
        let mut chips = Vec::new();
        let mut faces_by_picture = Vec::with_capacity(pictures.len());
        for (picture, options) in pictures {
            let found = self.detect_chips(picture, options)?;
            let (faces, cut): (Vec<_>, Vec<_>) = found.into_iter().unzip();
            chips.extend(cut);
            faces_by_picture.push(faces);
        }
        let embeddings = self.encode(&chips)?;
        let mut encoded = embeddings.into_iter().zip(chips);
        let with_embeddings = |faces: Vec<DetectedFace>| {
            let encoded = faces.into_iter().zip(encoded.by_ref());
            encoded.map(|(face, (embedding, chip))| EncodedFace { face, embedding, chip }).collect()
        };
        Ok(faces_by_picture.into_iter().map(with_embeddings).collect())
    }
}

/// A face and its embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedFace {
    /// Where the face is, and how well it can be seen.
    pub face: DetectedFace,
    /// The face as a vector.
    pub embedding: Embedding,
    /// The face as the encoder sees it.
    pub chip: Chip,
}

/// The engine in this process: a pack's models on ONNX Runtime.
#[derive(Debug)]
pub struct EmbeddedEngine {
    detector: Mtcnn,
    detector_card: ModelCard,
    encoder: Encoder,
    quality: QualityScale,
    least: LeastScores,
}

impl EmbeddedEngine {
    /// Loads the models of a pack. runtime: the file of ONNX Runtime's shared library, the same for all engines of a
    /// process. threads: how many threads work on one operator; 1 is best for throughput, with an engine per core.
    pub fn load(runtime: &Path, pack: &Pack, threads: usize) -> Result<Self, EngineError> {
        let runtime = Runtime::load(runtime)?;
        Ok(Self {
            detector: Mtcnn::load(&runtime, &pack.detector, threads)?,
            detector_card: pack.detector().clone(),
            encoder: Encoder::load(&runtime, &pack.encoder, threads)?,
            quality: pack.quality,
            least: LeastScores::default(),
        })
    }

    /// Judges faces by `least` where it says something, by the pack where it does not.
    #[must_use]
    pub fn with_least_scores(mut self, least: LeastScores) -> Self {
        self.least = least;
        self
    }

    /// Runs every network once, so that the first request does not pay for what happens only once.
    pub fn warm_up(&mut self) -> Result<(), EngineError> {
        self.detector.warm_up()?;
        let chip = self.encoder.template().blank();
        self.encode(&[chip]).map(|_| ())
    }
}

impl FaceEngine for EmbeddedEngine {
    fn detector(&self) -> &ModelCard {
        &self.detector_card
    }

    fn encoder(&self) -> &ModelCard {
        self.encoder.card()
    }

    fn detect(
        &mut self,
        picture: &Picture,
        options: &DetectOptions,
    ) -> Result<Vec<DetectedFace>, EngineError> {
        Ok(self.detect_chips(picture, options)?.into_iter().map(|(face, _)| face).collect())
    }

    fn detect_chips(
        &mut self,
        picture: &Picture,
        options: &DetectOptions,
    ) -> Result<Vec<(DetectedFace, Chip)>, EngineError> {
        let faces = options.choose(self.detector.find(picture)?);
        let judged = faces.into_iter().map(|face| {
            let chip = self.align(picture, &face.landmarks);
            let quality = self.quality.judge(&self.least, &face, &chip, picture);
            let FoundFace { bounding_box, confidence, landmarks } = face;
            (DetectedFace { bounding_box, confidence, landmarks, quality }, chip)
        });
        Ok(judged.collect())
    }

    fn align(&self, picture: &Picture, landmarks: &Landmarks) -> Chip {
        self.encoder.template().cut(picture, landmarks)
    }

    fn encode(&mut self, chips: &[Chip]) -> Result<Vec<Embedding>, EngineError> {
        self.encoder.encode(chips)
    }
}

/// Why an engine could not be loaded, or gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// ONNX Runtime's library is missing, is not a library, or is too old.
    #[error(
        "ONNX Runtime cannot be loaded from {path}: {reason}; run `make prepare`, or set FACEQL_HOME or FACEQL_ONNX_RUNTIME to where it is"
    )]
    RuntimeUnavailable {
        /// The library's file.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// A file is not a network that the runtime can run.
    #[error("the model {file} cannot be loaded: {reason}")]
    ModelUnusable {
        /// The model's file.
        file: PathBuf,
        /// What the runtime said.
        reason: String,
    },
    /// A network failed on its input, or gave what its pack did not promise.
    #[error("the model {file} failed: {reason}")]
    Inference {
        /// The model's file.
        file: PathBuf,
        /// What the runtime said.
        reason: String,
    },
    /// A picture could not be scaled.
    #[error("the picture could not be scaled: {reason}")]
    Scaling {
        /// What the scaler said.
        reason: String,
    },
    /// A chip was cut for another encoder.
    #[error("the encoder takes chips of {expected} pixels, not of {found}")]
    ChipSide {
        /// The side that the encoder takes.
        expected: u32,
        /// The side of the chip.
        found: u32,
    },
    /// The encoder gave something that is no embedding.
    #[error("the encoder gave no embedding: {0}")]
    Embedding(#[from] EmbeddingError),
}
