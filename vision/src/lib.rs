//! FaceQL's face engine: from images to faces and embeddings. It does not depend on web, database or async code.
//!
//! ```text
//! bytes -- image --> Picture -- detect --> DetectedFace -- align --> Chip -- encode --> Embedding
//!                                             + quality
//!
//! Picture + DetectedFaces ---------------- annotate --> JPEG with the faces drawn in
//! Picture + SegmentationMap + Positions -- contour ---> Contours: levelled regions and an SVG
//! ```
//!
//! [`EmbeddedEngine`] runs the models of a [`Pack`] on ONNX Runtime; [`FaceEngine`] is the interface that the service
//! uses.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sides of pictures are below 2^16 and colours below 2^8, so that f32 holds them exactly; `as` saturates"
)]

mod align;
mod annotate;
mod card;
pub mod contour;
mod detect;
mod embedding;
mod encode;
mod engine;
mod geometry;
mod image;
mod pack;
mod quality;
mod session;

pub use align::Chip;
pub use annotate::{MAX_ANNOTATED_SIDE, annotate};
pub use card::{MatchDecision, Matching, ModelCard, ModelRole, SimilarityCurve, Thresholds};
pub use detect::{DetectOptions, DetectedFace};
pub use embedding::{Embedding, EmbeddingError, InvalidDigest, Metric, ModelDigest, ModelMismatch};
pub use engine::{EmbeddedEngine, EncodedFace, EngineError, FaceEngine};
pub use geometry::{BoundingBox, Landmarks, Point};
pub use image::{DecodeCost, ImageError, ImageFormat, ImageHeader, ImageLimits, Picture};
pub use pack::{Pack, PackError};
pub use quality::{FaceQuality, MinScores, QualityIssue};
