//! Why a picture could not be contoured. The messages are fit for the person who sent it.

use crate::image::ImageError;

use super::level::MAX_LANDMARKS;
use super::map::MAX_REGIONS;

/// Why a picture could not be contoured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ContourError {
    /// The landmarks do not say how the face stands.
    #[error(transparent)]
    InvalidLandmarks(#[from] LandmarkFault),
    /// The segmentation map does not go with the image, or is no map.
    #[error(transparent)]
    SegmentationMismatch(#[from] SegmentationFault),
    /// The style asks for what cannot be drawn.
    #[error("the {name} is {found}, but must be from {least} to {most}")]
    BadStyle {
        /// Which number of the style.
        name: &'static str,
        /// What was asked for.
        found: f64,
        /// The least that can be drawn.
        least: f64,
        /// The most that can be drawn.
        most: f64,
    },
    /// The image's file cannot be read. Nothing here reads it: this is for callers that do, before they draw.
    #[error("image: {0}")]
    UnreadableImage(ImageError),
    /// The segmentation map's file cannot be read.
    #[error("segmentation map: {0}")]
    UnreadableMap(ImageError),
    /// The picture to be embedded could not be encoded.
    #[error("the picture could not be embedded: {0}")]
    Embedding(ImageError),
}

/// What is wrong with landmarks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LandmarkFault {
    /// The two eyes are the least.
    #[error("{found} landmarks were given, but the two eyes are needed")]
    TooFew {
        /// How many there are.
        found: usize,
    },
    /// More than anybody places on a face.
    #[error("{found} landmarks were given, more than the limit of {MAX_LANDMARKS}")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// A coordinate is infinite or not a number.
    #[error("landmark {number} is ({x}, {y}), which is not a place")]
    NotFinite {
        /// Which one, counted from 1.
        number: usize,
        /// Its x.
        x: f64,
        /// Its y.
        y: f64,
    },
    /// A place that the image does not have.
    #[error("landmark {number} is ({x}, {y}), outside of the image of {width}x{height} pixels")]
    Outside {
        /// Which one, counted from 1.
        number: usize,
        /// Its x.
        x: f64,
        /// Its y.
        y: f64,
        /// Columns of the image.
        width: u32,
        /// Rows of the image.
        height: u32,
    },
    /// Eyes less than a pixel apart point nowhere.
    #[error("both eyes are at ({x}, {y}), so that they do not say how the face is turned")]
    CoincidentEyes {
        /// The x of the first eye.
        x: f64,
        /// The y of the first eye.
        y: f64,
    },
    /// Landmarks that fit the template no better in one direction than in another.
    #[error("the {found} landmarks do not lie as those of a face do")]
    NoFace {
        /// How many there are.
        found: usize,
    },
}

/// What is wrong with a segmentation map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentationFault {
    /// Map and image must lie on each other.
    #[error(
        "the segmentation map has {map_width}x{map_height} pixels, but the image has {width}x{height}; \
         they must be of the same size"
    )]
    OtherSize {
        /// Columns of the map.
        map_width: u32,
        /// Rows of the map.
        map_height: u32,
        /// Columns of the image.
        width: u32,
        /// Rows of the image.
        height: u32,
    },
    /// Every pixel is background.
    #[error("the segmentation map has no regions: every pixel is 0")]
    NoRegions,
    /// Too many distinct values, as a photo or a lossy format has them.
    #[error(
        "the segmentation map has at least {found} distinct values besides 0, more than the limit of {MAX_REGIONS} regions; \
         send a lossless format, such as PNG, without smoothed edges"
    )]
    TooManyRegions {
        /// How many there are, counted to 10,000.
        found: usize,
    },
    /// Labels have 8 bits a channel.
    #[error("the segmentation map has colours of 16 bits a channel; send 8 bits a channel, or grey levels")]
    DeepColours,
    /// The number of labels is not that of the pixels.
    #[error("{found} labels are not a segmentation map of {width}x{height} pixels")]
    OtherLength {
        /// How many labels there are.
        found: usize,
        /// Columns of the map.
        width: u32,
        /// Rows of the map.
        height: u32,
    },
}
