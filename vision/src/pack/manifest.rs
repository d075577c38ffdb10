//! The structure of `pack.toml`. Does not access any files; [`super::Pack::load`] does that.

use serde::Deserialize;

use crate::align::Template;
use crate::card::{Matching, SimilarityCurve, Thresholds};
use crate::embedding::Metric;
use crate::geometry::{Landmarks, Point};

/// The whole file. Sections whose fields depend on their `kind` stay tables until the kind is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) detector: toml::Table,
    pub(super) encoder: toml::Table,
    pub(super) quality: QualityScale,
}

/// Fields that both models have.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct About {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) license: String,
    pub(super) training_data: Option<String>,
    pub(super) files: Vec<FileEntry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileEntry {
    pub(super) role: String,
    pub(super) path: String,
    pub(super) sha256: String,
}

/// `[detector]` of kind `mtcnn`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct MtcnnSettings {
    input: PixelInput,
    /// Long side at which faces are detected, in pixels.
    pub(crate) working_size: u32,
    /// Smallest face that is searched for at that size, in pixels.
    pub(crate) minimum_face: f32,
    /// The scale from each picture of the pyramid to the next, between 0 and 1.
    pub(crate) pyramid_factor: f64,
    /// The probability that a candidate must exceed, by network.
    pub(crate) thresholds: NetworkThresholds,
    /// The overlap above which the less probable of two boxes is removed, by step.
    pub(crate) overlaps: OverlapThresholds,
}

impl MtcnnSettings {
    /// What is wrong with the values, if anything: the pyramid must get smaller, and end.
    pub(super) fn complaint(&self) -> Option<&'static str> {
        match self {
            _ if self.input != PixelInput::RAW => Some(PixelInput::COMPLAINT),
            _ if !(12.0..=4096.0).contains(&self.minimum_face) => Some("minimum_face must be 12 to 4096"),
            _ if !(12..=4096).contains(&self.working_size) => Some("working_size must be 12 to 4096"),
            _ if !(0.1..=0.95).contains(&self.pyramid_factor) => Some("pyramid_factor must be 0.1 to 0.95"),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkThresholds {
    pub(crate) pnet: f32,
    pub(crate) rnet: f32,
    pub(crate) onet: f32,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OverlapThresholds {
    /// Within one picture of the pyramid.
    pub(crate) scale: f32,
    pub(crate) pnet: f32,
    pub(crate) rnet: f32,
    pub(crate) onet: f32,
}

/// `[encoder]` of kind `embedding`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct EncoderSettings {
    pub(super) dimensions: u32,
    pub(super) metric: Metric,
    pub(super) output: String,
    input: ChipInput,
    template: [[f32; 2]; 5],
    verify: Thresholds,
    search: Thresholds,
    similarity: SimilarityCurve,
}

impl EncoderSettings {
    /// What is wrong with the values, if anything.
    pub(super) fn complaint(&self) -> Option<&'static str> {
        match self {
            _ if self.input.pixels != PixelInput::RAW => Some(PixelInput::COMPLAINT),
            _ if self.input.width != self.input.height => Some("the encoder's chip must be square"),
            _ if !(16..=1024).contains(&self.input.width) => {
                Some("the encoder's chip must have 16 to 1024 pixels")
            }
            _ if self.dimensions == 0 => Some("an embedding needs dimensions"),
            _ => None,
        }
    }

    pub(super) fn template(&self) -> Template {
        let landmarks = Landmarks::from_points(self.template.map(|[x, y]| Point::new(x, y)));
        Template { side: self.input.width, landmarks }
    }

    pub(super) fn matching(&self) -> Matching {
        Matching { verify: self.verify, search: self.search, similarity: self.similarity }
    }
}

/// The encoder's input tensor: square chips.
#[derive(Debug, Clone, Deserialize)]
struct ChipInput {
    width: u32,
    height: u32,
    #[serde(flatten)]
    pixels: PixelInput,
}

/// How pixels become numbers: the value of a channel minus its mean, times the scale.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct PixelInput {
    layout: Layout,
    dtype: ElementType,
    channels: Channels,
    mean: [f32; 3],
    scale: f32,
}

impl PixelInput {
    /// The pixels of a picture in their memory layout, which is the input of every network of this crate.
    const RAW: Self = Self {
        layout: Layout::Nhwc,
        dtype: ElementType::Uint8,
        channels: Channels::Rgb,
        mean: [0.0; 3],
        scale: 1.0,
    };
    const COMPLAINT: &str = "a network's input must be raw pixels: nhwc, uint8, rgb, mean 0 and scale 1";
}

/// The order of a tensor's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Layout {
    Nhwc,
    Nchw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ElementType {
    Uint8,
    Float32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Channels {
    Rgb,
    Bgr,
}

/// `[quality]`: the range of values over which each measure of a face goes from useless to ideal. See
/// [`crate::FaceQuality`].
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QualityScale {
    /// The score below which a measure is an issue, 0 to 1.
    pub(crate) minimum_score: f32,
    pub(crate) face_size: Ramp,
    pub(crate) sharpness: Ramp,
    pub(crate) brightness_dark: Ramp,
    pub(crate) brightness_bright: Ramp,
    pub(crate) contrast: Ramp,
    pub(crate) yaw_degrees: Ramp,
    pub(crate) pitch_degrees: Ramp,
    pub(crate) confidence: Ramp,
}

/// Scores 0 at the first value, 1 at the second, linearly between them. The first may be the larger.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Ramp(f32, f32);

impl Ramp {
    /// The score of a value, 0 to 1.
    pub(crate) fn score(self, value: f32) -> f32 {
        let Self(worst, ideal) = self;
        ((value - worst) / (ideal - worst)).clamp(0.0, 1.0)
    }
}
