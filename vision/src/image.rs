//! Bytes into pixels: sniffs the format by content, holds to size limits before anything is allocated, decodes,
//! and turns the picture the way a person sees it. Everything that follows works on a [`Picture`].

mod cost;
mod jpeg;
mod png;
mod raster;
mod webp;

use image::metadata::Orientation;
use serde::{Deserialize, Serialize};

pub use self::cost::DecodeCost;
use self::cost::Pace;

/// The long side that a reduced picture keeps at least: three times the 640 pixels at which faces are searched.
const MIN_REDUCED_SIDE: u16 = 1920;

/// Samples that decoding may visit, for each pixel of the largest picture that is taken. Ordinary progressive files have
/// 8 to 14 for each of their own, the most thorough encoders about 30.
const MAX_VISITS: u64 = 32;

/// A decoded picture: RGB, 8 bits, rows from the top, turned upright by its EXIF orientation.
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
    /// Decodes an image file. The first frame of an animation counts; transparency is laid on white.
    ///
    /// A picture whose long side stays at 1,920 pixels or more is reduced: that is three times the size at which faces
    /// are searched, so that the smallest face still fills the encoder's chip, and a 48-megapixel photo takes 9 MB
    /// instead of 144. A JPEG is decoded at that scale (but one in CMYK stays whole); other formats are decoded whole
    /// and reduced then.
    ///
    /// A file that ends early is refused as [`ImageError::Invalid`], never half grey; bytes after its end are ignored.
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

    /// Columns of [`Picture::pixels`].
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows of [`Picture::pixels`].
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Columns of the full picture as a person sees it; coordinates in results count these.
    #[must_use]
    pub fn original_width(&self) -> u32 {
        self.original_width
    }

    /// Rows of the full picture as a person sees it; coordinates in results count these.
    #[must_use]
    pub fn original_height(&self) -> u32 {
        self.original_height
    }

    /// RGB, three bytes a pixel, rows from the top without padding.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// [`Picture::pixels`], to be painted on.
    pub(crate) fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// The picture as a JPEG file, as large as its pixels are. quality: 1 to 100. Colours are stored at half the size,
    /// as cameras do it.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>, ImageError> {
        jpeg::encode(&self.pixels, self.width, self.height, quality)
    }

    // Notes the size of the full picture, of which `self` is a reduced decoding.
    fn reduced_from(mut self, header: &ImageHeader) -> Self {
        self.original_width = header.width;
        self.original_height = header.height;
        self
    }
}

/// Decodes an image file at full size and in the colours that it stores, turned upright: for files whose values are not
/// looked at but counted. Callers hold several bytes a pixel, so let it go soon.
pub(crate) fn decode_whole(bytes: &[u8], limits: &ImageLimits) -> Result<image::DynamicImage, ImageError> {
    let header = ImageHeader::read_map(bytes, limits)?;
    header.check_complete()?;
    match header.format {
        ImageFormat::Jpeg => jpeg::decode_whole(bytes),
        _ => raster::decode_whole(bytes, &header),
    }
}

/// By what a picture of that size is reduced: 1, 2, 4 or 8.
fn divisor(width: u32, height: u32) -> u32 {
    let parts = width.max(height) / u32::from(MIN_REDUCED_SIDE);
    [8, 4, 2].into_iter().find(|divisor| *divisor <= parts).unwrap_or(1)
}

fn turn(pixels: image::RgbImage, orientation: Orientation) -> image::RgbImage {
    let mut image = image::DynamicImage::ImageRgb8(pixels);
    image.apply_orientation(orientation);
    image.into_rgb8()
}

/// What can be told of an image file without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageHeader {
    /// Told by the content; a file's name is never looked at.
    pub format: ImageFormat,
    /// Columns as a person sees them, that is after EXIF orientation.
    pub width: u32,
    /// Rows as a person sees them, that is after EXIF orientation.
    pub height: u32,
    /// What decoding it takes at most.
    pub cost: DecodeCost,
    /// Whether the file reaches the end that its format marks.
    is_complete: bool,
}

impl ImageHeader {
    /// Reads format, size and cost of a picture and holds them to the limits. Decodes no pixels and allocates nothing that
    /// grows with the claimed size, so that a header that lies costs nothing.
    pub fn read(bytes: &[u8], limits: &ImageLimits) -> Result<Self, ImageError> {
        let header = Self::read_any(bytes, limits)?;
        limits.check_memory(header.cost.memory_bytes)?;
        Ok(header)
    }

    /// As [`Self::read`], of a file that is to be decoded as a segmentation map, for which memory counts differently.
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

    /// Of a file whose stored picture is to be turned by `orientation`.
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

/// The image formats that are understood.
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

/// What an image may cost. Checked before anything is allocated for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// The largest file, in bytes.
    pub max_bytes: u64,
    /// The largest picture, in pixels (width times height).
    pub max_pixels: u64,
    /// The most memory that decoding a picture may take, in bytes.
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

/// Why bytes did not become a picture. The messages are fit for the person who sent them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// There are no bytes.
    #[error("the image is empty")]
    Empty,
    /// The file is larger than the limit.
    #[error("the image has {bytes} bytes, more than the limit of {limit}")]
    TooManyBytes {
        /// The file's size.
        bytes: u64,
        /// The largest size allowed.
        limit: u64,
    },
    /// The picture has more pixels than the limit.
    #[error("the image has {width}x{height} pixels, more than the limit of {limit} in all")]
    TooManyPixels {
        /// Columns as a person sees them.
        width: u32,
        /// Rows as a person sees them.
        height: u32,
        /// The most pixels allowed.
        limit: u64,
    },
    /// The file's scans go over its pixels too often.
    #[error(
        "decoding the image would go over {samples} samples in its scans, more than the limit of {limit}; \
         save it with fewer scans"
    )]
    TooManySamples {
        /// The samples of each scan, together.
        samples: u64,
        /// The most allowed.
        limit: u64,
    },
    /// Decoding it would take more memory than there may be for it.
    #[error(
        "decoding the image would take up to {} MiB of memory, more than the limit of {} MiB; send a smaller one",
        bytes.div_ceil(1 << 20), limit >> 20
    )]
    TooMuchMemory {
        /// The most that its decoder may take.
        bytes: u64,
        /// The most allowed.
        limit: u64,
    },
    /// The content is none of the understood formats, or a variant of one that is not understood.
    #[error("the image's format is not supported; send a JPEG, PNG, WebP, GIF or BMP")]
    Unsupported,
    /// The content starts like an image, but is damaged or ends early.
    #[error("the image cannot be decoded: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
}
