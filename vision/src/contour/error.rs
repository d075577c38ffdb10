//! Why an image could not be contoured. The messages are suitable for the client that sent it.

use crate::image::ImageError;

use super::level::MAX_LANDMARKS;
use super::map::MAX_REGIONS;

/// Why an image could not be contoured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ContourError {
    /// The landmarks do not determine how the face is rotated.
    #[error(transparent)]
    InvalidLandmarks(#[from] LandmarkFault),
    /// The segmentation map does not match the image, or is not a map.
    #[error(transparent)]
    SegmentationMismatch(#[from] SegmentationFault),
    /// The style contains a value that cannot be drawn.
    #[error("the {name} is {found}, but must be from {least} to {most}")]
    BadStyle {
        /// The name of the style's value.
        name: &'static str,
        /// The requested value.
        found: f64,
        /// The minimum that can be drawn.
        least: f64,
        /// The maximum that can be drawn.
        most: f64,
    },
    /// The image's file cannot be read. Not used in this crate, but by callers that read it before drawing.
    #[error("image: {0}")]
    UnreadableImage(ImageError),
    /// The segmentation map's file cannot be read.
    #[error("segmentation map: {0}")]
    UnreadableMap(ImageError),
    /// The picture to be embedded could not be encoded.
    #[error("the image could not be embedded: {0}")]
    Embedding(ImageError),
}

/// What is wrong with the landmarks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LandmarkFault {
    /// Two landmarks, the eyes, are the minimum.
    #[error("{found} landmarks were given, but the two eyes are needed")]
    TooFew {
        /// The number of landmarks.
        found: usize,
    },
    /// More landmarks than the maximum.
    #[error("{found} landmarks were given, more than the limit of {MAX_LANDMARKS}")]
    TooMany {
        /// The number of landmarks.
        found: usize,
    },
    /// A coordinate is infinite or not a number.
    #[error("landmark {number} is ({x}, {y}), which is not a finite position")]
    NotFinite {
        /// The landmark's position in the list, from 1.
        number: usize,
        /// Its x coordinate, in pixels.
        x: f64,
        /// Its y coordinate, in pixels.
        y: f64,
    },
    /// A position outside the image.
    #[error("landmark {number} is ({x}, {y}), outside the image of {width}x{height} pixels")]
    Outside {
        /// The landmark's position in the list, from 1.
        number: usize,
        /// Its x coordinate, in pixels.
        x: f64,
        /// Its y coordinate, in pixels.
        y: f64,
        /// Width of the image in pixels.
        width: u32,
        /// Height of the image in pixels.
        height: u32,
    },
    /// The eyes are less than a pixel apart, so they determine no direction.
    #[error("both eyes are at ({x}, {y}), so they do not determine the rotation of the face")]
    CoincidentEyes {
        /// The x coordinate of the first eye, in pixels.
        x: f64,
        /// The y coordinate of the first eye, in pixels.
        y: f64,
    },
    /// The landmarks fit the template equally well in all directions.
    #[error("the {found} landmarks are not arranged like those of a face")]
    NoFace {
        /// The number of landmarks.
        found: usize,
    },
}

/// What is wrong with a segmentation map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentationFault {
    /// Map and image differ in size.
    #[error(
        "the segmentation map has {map_width}x{map_height} pixels, but the image has {width}x{height}; \
         their sizes must be equal"
    )]
    OtherSize {
        /// Width of the map in pixels.
        map_width: u32,
        /// Height of the map in pixels.
        map_height: u32,
        /// Width of the image in pixels.
        width: u32,
        /// Height of the image in pixels.
        height: u32,
    },
    /// Every pixel is background.
    #[error("the segmentation map has no regions: every pixel is 0")]
    NoRegions,
    /// Too many distinct values, as in a photo or a lossy format.
    #[error(
        "the segmentation map has at least {found} distinct values besides 0, more than the limit of {MAX_REGIONS} regions; \
         send a lossless format, such as PNG, without smoothed edges"
    )]
    TooManyRegions {
        /// The number of distinct values, counted up to 10,000.
        found: usize,
    },
    /// Colour labels must have 8 bits per channel.
    #[error(
        "the segmentation map has colours with 16 bits per channel; send 8 bits per channel, or grey levels"
    )]
    DeepColours,
    /// The number of labels differs from the number of pixels.
    #[error("{found} labels are not a segmentation map of {width}x{height} pixels")]
    OtherLength {
        /// The number of labels.
        found: usize,
        /// Width of the map in pixels.
        width: u32,
        /// Height of the map in pixels.
        height: u32,
    },
}
