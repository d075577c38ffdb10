//! Decodes files into segmentation maps: one byte per pixel with the number of its region.

use std::collections::HashSet;

use image::DynamicImage;

use super::error::{ContourError, SegmentationFault};
use crate::image::{self as pictures, ImageLimits};

/// Maximum number of regions. A map with more does not show parts of a face but the noise of a lossy format.
pub(super) const MAX_REGIONS: usize = 64;
/// The number up to which excess regions are counted.
const MAX_COUNTED: usize = 10_000;

/// The region of every pixel of an image.
#[derive(Debug, Clone)]
pub struct SegmentationMap {
    width: u32,
    height: u32,
    /// Ascending; never 0.
    labels: Vec<u32>,
    /// Rows from the top; 0 is background, any other number counts `labels` from 1.
    cells: Vec<u8>,
}

impl SegmentationMap {
    /// Reads a map from an image file, at full size and rotated upright. The limits are those of pictures.
    ///
    /// If every pixel of the map is grey, however the file stores it, the label of a pixel is its grey level; otherwise
    /// it is its colour as 0xRRGGBB. 0 (black) is background. A palette is resolved and alpha is ignored. 16-bit grey
    /// levels are used unchanged, up to 65,535; those of 1 to 4 bits are scaled, so that white is 255. Colours with 16
    /// bits per channel are refused, since reducing them to 8 bits could merge two regions.
    pub fn decode(bytes: &[u8], limits: &ImageLimits) -> Result<Self, ContourError> {
        let image = pictures::decode_whole(bytes, limits).map_err(ContourError::UnreadableMap)?;
        Ok(Self::of_image(&image)?)
    }

    /// A map from labels in memory, rows from the top; 0 is background.
    pub fn from_labels(width: u32, height: u32, labels: &[u32]) -> Result<Self, ContourError> {
        if labels.len() as u64 != u64::from(width) * u64::from(height) {
            let found = labels.len();
            return Err(SegmentationFault::OtherLength { found, width, height }.into());
        }
        Ok(Self::of_labels(width, height, labels.iter().copied())?)
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The labels of the regions, ascending.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Rows from the top; 0 is background, any other number counts [`SegmentationMap::labels`] from 1.
    pub(super) fn cells(&self) -> &[u8] {
        &self.cells
    }

    fn of_image(image: &DynamicImage) -> Result<Self, SegmentationFault> {
        let (width, height) = (image.width(), image.height());
        match image {
            DynamicImage::ImageLuma8(grey) => {
                Self::of_labels(width, height, grey.iter().map(|&level| level.into()))
            }
            DynamicImage::ImageLumaA8(grey) => {
                Self::of_labels(width, height, grey.pixels().map(|pixel| pixel.0[0].into()))
            }
            DynamicImage::ImageLuma16(grey) => {
                Self::of_labels(width, height, grey.iter().map(|&level| level.into()))
            }
            DynamicImage::ImageLumaA16(grey) => {
                Self::of_labels(width, height, grey.pixels().map(|pixel| pixel.0[0].into()))
            }
            DynamicImage::ImageRgb8(rgb) => {
                Self::of_colours(width, height, rgb.pixels().map(|pixel| pixel.0))
            }
            DynamicImage::ImageRgba8(rgba) => Self::of_colours(
                width,
                height,
                rgba.pixels().map(|pixel| [pixel.0[0], pixel.0[1], pixel.0[2]]),
            ),
            DynamicImage::ImageRgb16(rgb) => {
                Self::of_deep_colours(width, height, rgb.pixels().map(|pixel| pixel.0))
            }
            DynamicImage::ImageRgba16(rgba) => Self::of_deep_colours(
                width,
                height,
                rgba.pixels().map(|pixel| [pixel.0[0], pixel.0[1], pixel.0[2]]),
            ),
            // Floating-point colours, which none of the supported formats stores.
            _ => Err(SegmentationFault::DeepColours),
        }
    }

    fn of_colours(
        width: u32,
        height: u32,
        colours: impl Iterator<Item = [u8; 3]> + Clone,
    ) -> Result<Self, SegmentationFault> {
        if colours.clone().all(|[red, green, blue]| red == green && green == blue) {
            return Self::of_labels(width, height, colours.map(|[level, ..]| level.into()));
        }
        Self::of_labels(
            width,
            height,
            colours.map(|[red, green, blue]| u32::from_be_bytes([0, red, green, blue])),
        )
    }

    fn of_deep_colours(
        width: u32,
        height: u32,
        colours: impl Iterator<Item = [u16; 3]> + Clone,
    ) -> Result<Self, SegmentationFault> {
        if colours.clone().any(|[red, green, blue]| red != green || green != blue) {
            return Err(SegmentationFault::DeepColours);
        }
        Self::of_labels(width, height, colours.map(|[level, ..]| level.into()))
    }

    fn of_labels(
        width: u32,
        height: u32,
        pixels: impl Iterator<Item = u32> + Clone,
    ) -> Result<Self, SegmentationFault> {
        let labels = distinct(pixels.clone())?;
        // Neighbouring pixels mostly have the same label.
        let mut last = (0, 0);
        let cell = |label: u32| {
            if label != last.0 {
                last = (label, labels.binary_search(&label).map_or(0, |index| index as u8 + 1));
            }
            last.1
        };
        let cells = pixels.map(cell).collect();
        Ok(Self { width, height, labels, cells })
    }
}

/// The labels besides 0, ascending.
fn distinct(pixels: impl Iterator<Item = u32> + Clone) -> Result<Vec<u32>, SegmentationFault> {
    let mut labels: Vec<u32> = Vec::new();
    let mut last = 0;
    for label in pixels.clone() {
        if label == last || label == 0 {
            continue;
        }
        last = label;
        if let Err(place) = labels.binary_search(&label) {
            labels.insert(place, label);
        }
        if labels.len() > MAX_REGIONS {
            return Err(SegmentationFault::TooManyRegions { found: count_distinct(pixels) });
        }
    }
    if labels.is_empty() { Err(SegmentationFault::NoRegions) } else { Ok(labels) }
}

// Counting stops at the maximum; a photo has millions of values.
fn count_distinct(pixels: impl Iterator<Item = u32>) -> usize {
    let mut labels = HashSet::new();
    for label in pixels.filter(|&label| label != 0) {
        labels.insert(label);
        if labels.len() == MAX_COUNTED {
            break;
        }
    }
    labels.len()
}
