//! The engine that the service uses: blocking, one picture or batch at a time, for one thread.

use std::path::{Path, PathBuf};

use crate::align::Chip;
use crate::card::ModelCard;
use crate::detect::{DetectOptions, DetectedFace, FoundFace, Mtcnn};
use crate::embedding::{Embedding, EmbeddingError};
use crate::encode::Encoder;
use crate::geometry::Landmarks;
use crate::image::Picture;
use crate::pack::{Pack, QualityScale};
use crate::quality::MinScores;
use crate::session::Runtime;

/// Detects faces and computes embeddings. Blocking; an engine is used by one thread at a time.
pub trait FaceEngine: Send {
    /// The detection model.
    fn detector(&self) -> &ModelCard;

    /// The encoding model.
    fn encoder(&self) -> &ModelCard;

    /// The faces of a picture, largest first, with their quality.
    fn detect(
        &mut self,
        picture: &Picture,
        options: &DetectOptions,
    ) -> Result<Vec<DetectedFace>, EngineError>;

    /// Cuts the encoder's chip. landmarks: in pixels of the original picture. Returns RGB8 of the size that the encoder
    /// expects.
    fn align(&self, picture: &Picture, landmarks: &Landmarks) -> Chip;

    /// One embedding per chip, in their order. Several chips share a run of the network.
    fn encode(&mut self, chips: &[Chip]) -> Result<Vec<Embedding>, EngineError>;

    /// The faces of a picture as [`FaceEngine::detect`] returns them, each with its chip. An engine that needs the
    /// chips to assess quality returns them here instead of cutting them twice.
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

    /// The requested faces of several pictures with their embeddings, in the order of the pictures, largest face first.
    /// All faces of all pictures share the runs of the encoder.
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
    /// The position and the quality of the face.
    pub face: DetectedFace,
    /// The embedding.
    pub embedding: Embedding,
    /// The chip that was encoded.
    pub chip: Chip,
}

/// The in-process engine: a pack's models on ONNX Runtime.
#[derive(Debug)]
pub struct EmbeddedEngine {
    detector: Mtcnn,
    detector_card: ModelCard,
    encoder: Encoder,
    quality: QualityScale,
    least: MinScores,
}

impl EmbeddedEngine {
    /// Loads the models of a pack. runtime: the file of ONNX Runtime's shared library, the same for all engines of a
    /// process. threads: number of threads per operator; 1 gives the best throughput, with an engine per core.
    pub fn load(runtime: &Path, pack: &Pack, threads: usize) -> Result<Self, EngineError> {
        let runtime = Runtime::load(runtime)?;
        Ok(Self {
            detector: Mtcnn::load(&runtime, &pack.detector, threads)?,
            detector_card: pack.detector().clone(),
            encoder: Encoder::load(&runtime, &pack.encoder, threads)?,
            quality: pack.quality,
            least: MinScores::default(),
        })
    }

    /// Assesses quality with the thresholds in `least`, and those of the pack where `least` has none.
    #[must_use]
    pub fn with_min_scores(mut self, least: MinScores) -> Self {
        self.least = least;
        self
    }

    /// Runs every network once, so that the first request does not pay for one-time initialisation.
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

/// Why an engine could not be loaded, or could not process its input.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// ONNX Runtime's library is missing, is not a library, or is too old.
    #[error(
        "ONNX Runtime cannot be loaded from {path}: {reason}; run `make prepare`, or set FACEQL_HOME or FACEQL_ONNX_RUNTIME to its path"
    )]
    RuntimeUnavailable {
        /// The library's path.
        path: PathBuf,
        /// The loader's message.
        reason: String,
    },
    /// A file is not a network that the runtime can run.
    #[error("the model {file} cannot be loaded: {reason}")]
    ModelUnusable {
        /// The model's path.
        file: PathBuf,
        /// The runtime's message.
        reason: String,
    },
    /// A network failed on its input, or its output is not what its pack declares.
    #[error("the model {file} failed: {reason}")]
    Inference {
        /// The model's path.
        file: PathBuf,
        /// The runtime's message.
        reason: String,
    },
    /// A picture could not be scaled.
    #[error("the image could not be scaled: {reason}")]
    Scaling {
        /// The scaler's message.
        reason: String,
    },
    /// A chip has the wrong size for the encoder.
    #[error("the encoder expects chips of {expected} pixels, not {found}")]
    ChipSide {
        /// The side that the encoder expects, in pixels.
        expected: u32,
        /// The side of the chip, in pixels.
        found: u32,
    },
    /// The encoder's output is not a valid embedding.
    #[error("the encoder returned no valid embedding: {0}")]
    Embedding(#[from] EmbeddingError),
}
