//! Decodes images: detects the format by content, checks size limits before anything is allocated, decodes,
//! and rotates the picture as it is displayed. All later steps work on a [`Picture`].

mod cost;
mod jpeg;
mod png;
mod raster;
mod webp;

use image::metadata::Orientation;
use serde::{Deserialize, Serialize};

pub use self::cost::DecodeCost;
use self::cost::Pace;

/// Minimum long side of a reduced picture: three times the 640 pixels at which faces are detected.
const MIN_REDUCED_SIDE: u16 = 1920;

/// Samples that decoding may visit per pixel of the largest accepted picture. Ordinary progressive files have
/// 8 to 14 per pixel, the most thorough encoders about 30.
const MAX_VISITS: u64 = 32;

/// A decoded picture: RGB, 8 bits, rows from the top, rotated upright by its EXIF orientation.
///
/// A large picture is reduced to a half, a quarter or an eighth of its size (see [`Picture::decode`]). Coordinates in
/// results always refer to the original size.
#[derive(Debug, Clone)]
pub struct Picture {
    width: u32,
    height: u32,
    original_width: u32,
    original_height: u32,
    pixels: Vec<u8>,
}

impl Picture {
    /// Decodes an image file. Of an animation, the first frame is used; transparency is blended with white.
    ///
    /// A picture is reduced as long as its long side keeps at least 1,920 pixels. That is three times the size at which
    /// faces are detected, so that the smallest face still fills the encoder's chip, and a 48-megapixel photo takes 9
    /// MB instead of 144. A JPEG is decoded at that scale (except in CMYK); other formats are decoded completely and
    /// then reduced.
    ///
    /// A truncated file is refused as [`ImageError::Invalid`], never returned half grey; bytes after its end are
    /// ignored.
    pub fn decode(bytes: &[u8], limits: &ImageLimits) -> Result<Self, ImageError> {
        let header = ImageHeader::read(bytes, limits)?;
        header.check_complete()?;
        match header.format {
            ImageFormat::Jpeg => jpeg::decode(bytes, &header),
            ImageFormat::Png => png::decode(bytes, &header),
            _ => raster::decode(bytes, &header),
        }
    }

    /// A picture from RGB pixels in memory: three bytes each, rows from the top. Refuses any other number of bytes.
    pub fn from_rgb(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self, ImageError> {
        let expected = u64::from(width) * u64::from(height) * 3;
        if expected == 0 || pixels.len() as u64 != expected {
            let reason = format!("{} bytes are not {width}x{height} RGB pixels", pixels.len());
            return Err(ImageError::Invalid { reason });
        }
        Ok(Self { width, height, original_width: width, original_height: height, pixels })
    }

    /// Number of columns of [`Picture::pixels`].
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Number of rows of [`Picture::pixels`].
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Width of the full picture as displayed, in pixels; coordinates in results refer to it.
    #[must_use]
    pub fn original_width(&self) -> u32 {
        self.original_width
    }

    /// Height of the full picture as displayed, in pixels; coordinates in results refer to it.
    #[must_use]
    pub fn original_height(&self) -> u32 {
        self.original_height
    }

    /// RGB, three bytes a pixel, rows from the top without padding.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// [`Picture::pixels`], for painting.
    pub(crate) fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// The picture as a JPEG file of its current size. quality: 1 to 100. Colours are stored at half the size,
    /// as cameras do it.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>, ImageError> {
        jpeg::encode(&self.pixels, self.width, self.height, quality)
    }

    // Sets the size of the full picture, of which `self` is a reduced decoding.
    fn reduced_from(mut self, header: &ImageHeader) -> Self {
        self.original_width = header.width;
        self.original_height = header.height;
        self
    }
}

/// Decodes an image file at full size, in the colours that it stores and rotated upright, for files whose pixel values
/// are data. It takes several bytes per pixel, so callers should drop it soon.
pub(crate) fn decode_whole(bytes: &[u8], limits: &ImageLimits) -> Result<image::DynamicImage, ImageError> {
    let header = ImageHeader::read_map(bytes, limits)?;
    header.check_complete()?;
    match header.format {
        ImageFormat::Jpeg => jpeg::decode_whole(bytes),
        _ => raster::decode_whole(bytes, &header),
    }
}

/// The factor by which a picture of that size is reduced: 1, 2, 4 or 8.
fn divisor(width: u32, height: u32) -> u32 {
    let parts = width.max(height) / u32::from(MIN_REDUCED_SIDE);
    [8, 4, 2].into_iter().find(|divisor| *divisor <= parts).unwrap_or(1)
}

fn turn(pixels: image::RgbImage, orientation: Orientation) -> image::RgbImage {
    let mut image = image::DynamicImage::ImageRgb8(pixels);
    image.apply_orientation(orientation);
    image.into_rgb8()
}

/// What is known about an image file without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageHeader {
    /// Detected by content; a file's name is never used.
    pub format: ImageFormat,
    /// Width as displayed, after EXIF orientation, in pixels.
    pub width: u32,
    /// Height as displayed, after EXIF orientation, in pixels.
    pub height: u32,
    /// The maximum cost of decoding it.
    pub cost: DecodeCost,
    /// Whether the file contains the end marker of its format.
    is_complete: bool,
}

impl ImageHeader {
    /// Reads format, size and cost of a picture and checks them against the limits. Decodes no pixels and allocates
    /// nothing that grows with the claimed size, so that a forged header costs nothing.
    pub fn read(bytes: &[u8], limits: &ImageLimits) -> Result<Self, ImageError> {
        let header = Self::read_any(bytes, limits)?;
        limits.check_memory(header.cost.memory_bytes)?;
        Ok(header)
    }

    /// Like [`Self::read`], for a file that is decoded as a segmentation map, which needs a different amount of memory.
    pub fn read_map(bytes: &[u8], limits: &ImageLimits) -> Result<Self, ImageError> {
        let header = Self::read_any(bytes, limits)?;
        limits.check_memory(header.cost.map_memory_bytes)?;
        Ok(header)
    }

    fn read_any(bytes: &[u8], limits: &ImageLimits) -> Result<Self, ImageError> {
        limits.check_bytes(bytes.len() as u64)?;
        let format = ImageFormat::sniff(bytes)?;
        let header = match format {
            ImageFormat::Jpeg => jpeg::read_header(bytes)?,
            ImageFormat::Png => png::read_header(bytes)?,
            _ => raster::read_header(bytes, format)?,
        };
        limits.check_pixels(header.width, header.height)?;
        limits.check_samples(header.cost.samples)?;
        let nanoseconds = format.pace().nanoseconds(header.cost.samples, bytes);
        Ok(Self { cost: DecodeCost { nanoseconds, ..header.cost }, ..header })
    }

    /// The header of a file whose stored picture is rotated by `orientation`.
    fn turned(
        format: ImageFormat,
        (width, height): (u32, u32),
        orientation: Orientation,
        cost: DecodeCost,
    ) -> Self {
        let (width, height) =
            if cost::is_on_its_side(orientation) { (height, width) } else { (width, height) };
        Self { format, width, height, cost, is_complete: true }
    }

    fn check_complete(&self) -> Result<(), ImageError> {
        if self.is_complete {
            Ok(())
        } else {
            Err(ImageError::Invalid { reason: "it ends early".to_owned() })
        }
    }
}

/// The supported image formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ImageFormat {
    /// Baseline and progressive, grey, YCbCr, RGB and CMYK.
    Jpeg,
    /// All colour types and depths, interlaced or not.
    Png,
    /// Lossy and lossless; the first frame of an animation.
    WebP,
    /// The first frame.
    Gif,
    /// Windows bitmaps.
    Bmp,
}

impl ImageFormat {
    /// The media type, as in `image/jpeg`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Bmp => "image/bmp",
        }
    }

    fn pace(self) -> Pace {
        let (of_sample, of_byte) = match self {
            Self::Jpeg => (1, 10),
            Self::Png => (2, 5),
            Self::WebP => (10, 50),
            Self::Gif | Self::Bmp => (6, 5),
        };
        Pace { of_sample, of_byte }
    }

    fn sniff(bytes: &[u8]) -> Result<Self, ImageError> {
        match bytes {
            [] => Err(ImageError::Empty),
            [0xFF, 0xD8, 0xFF, ..] => Ok(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Ok(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Self::Gif),
            [b'B', b'M', ..] => Ok(Self::Bmp),
            _ => Err(ImageError::Unsupported),
        }
    }
}

/// Limits on images. Checked before anything is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// Maximum file size in bytes.
    pub max_bytes: u64,
    /// Maximum number of pixels (width times height).
    pub max_pixels: u64,
    /// Maximum memory for decoding a picture, in bytes.
    pub max_decode_bytes: u64,
}

impl ImageLimits {
    fn check_bytes(&self, bytes: u64) -> Result<(), ImageError> {
        if bytes > self.max_bytes {
            return Err(ImageError::TooManyBytes { bytes, limit: self.max_bytes });
        }
        Ok(())
    }

    fn check_pixels(&self, width: u32, height: u32) -> Result<(), ImageError> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 {
            return Err(ImageError::Invalid { reason: "it has no pixels".to_owned() });
        }
        if pixels > self.max_pixels {
            return Err(ImageError::TooManyPixels { width, height, limit: self.max_pixels });
        }
        Ok(())
    }
}

impl ImageLimits {
    fn check_samples(&self, samples: u64) -> Result<(), ImageError> {
        let limit = MAX_VISITS.saturating_mul(self.max_pixels);
        if samples > limit { Err(ImageError::TooManySamples { samples, limit }) } else { Ok(()) }
    }

    fn check_memory(&self, bytes: u64) -> Result<(), ImageError> {
        let limit = self.max_decode_bytes;
        if bytes > limit { Err(ImageError::TooMuchMemory { bytes, limit }) } else { Ok(()) }
    }
}

/// Why a file could not be decoded. The messages are suitable for the client that sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// There are no bytes.
    #[error("the image is empty")]
    Empty,
    /// The file is larger than the limit.
    #[error("the image has {bytes} bytes, more than the limit of {limit}")]
    TooManyBytes {
        /// The file's size in bytes.
        bytes: u64,
        /// The maximum size in bytes.
        limit: u64,
    },
    /// The picture has more pixels than the limit.
    #[error("the image has {width}x{height} pixels, more than the limit of {limit} in total")]
    TooManyPixels {
        /// Width as displayed, in pixels.
        width: u32,
        /// Height as displayed, in pixels.
        height: u32,
        /// The maximum number of pixels.
        limit: u64,
    },
    /// The file's scans visit its pixels too often.
    #[error(
        "decoding the image would visit {samples} samples in its scans, more than the limit of {limit}; \
         save it with fewer scans"
    )]
    TooManySamples {
        /// The total number of samples of all scans.
        samples: u64,
        /// The maximum number of samples.
        limit: u64,
    },
    /// Decoding would take more memory than is available for it.
    #[error(
        "decoding the image would take up to {} MiB of memory, more than the limit of {} MiB; send a smaller one",
        bytes.div_ceil(1 << 20), limit >> 20
    )]
    TooMuchMemory {
        /// The maximum that its decoder may take, in bytes.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The content is not in a supported format, or is an unsupported variant of one.
    #[error("the image's format is not supported; send a JPEG, PNG, WebP, GIF or BMP")]
    Unsupported,
    /// The content starts like an image, but is damaged or ends early.
    #[error("the image cannot be decoded: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
}
