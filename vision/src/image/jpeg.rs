//! JPEG, by two decoders: zune-jpeg for a picture at full size, and jpeg-decoder for a large one, because it can decode
//! at a reduced scale.
//!
//! Measured on 12 megapixels: the same time or up to a third less, and a quarter of the memory; at full size zune-jpeg
//! is half again as fast. `benches/engine.rs` repeats the comparison. jpeg-decoder is built without its feature
//! `rayon`: with
//! it, threads of its own compute the samples, and since it does not wait for them, all coefficients may be queued in
//! memory.
//!
//! jpeg-encoder writes pictures.

mod layout;

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use jpeg_decoder::PixelFormat;
use jpeg_encoder::{ColorType, SamplingFactor};
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use self::layout::Layout;
use super::cost::{BESIDES_PIXELS, CELL_BYTES, DecodeCost, RGB_BYTES, copies_to_turn};
use super::{ImageError, ImageFormat, ImageHeader, MIN_REDUCED_SIDE, Picture, divisor};

/// Maximum number of scans, however small the picture is. Ordinary encoders write about ten, the most thorough thirty.
const MAX_SCANS: usize = 100;

/// Bytes of a coefficient before it becomes a sample.
const COEFFICIENT_BYTES: u64 = 2;
/// Bytes that a decoder holds per sample of a row of blocks, before and after upsampling.
const ROW_SAMPLE_BYTES: u64 = 8;
/// Metadata is copied once more when its parts are joined.
const METADATA_COPIES: u64 = 2;

pub(super) fn decode(bytes: &[u8], header: &ImageHeader) -> Result<Picture, ImageError> {
    let reduced = if divisor(header.width, header.height) > 1 { decode_reduced(bytes)? } else { None };
    let stored = match reduced {
        Some(stored) => stored,
        None => decode_full(bytes)?,
    };
    let image = stored.upright()?;
    Ok(Picture::from_rgb(image.width(), image.height(), image.into_raw())?.reduced_from(header))
}

/// All pixels in RGB, rotated upright.
pub(super) fn decode_whole(bytes: &[u8]) -> Result<DynamicImage, ImageError> {
    Ok(DynamicImage::ImageRgb8(decode_full(bytes)?.upright()?))
}

/// Writes RGB pixels, three bytes each, as a baseline JPEG with colours at half the size. quality: 1 to 100.
pub(super) fn encode(rgb: &[u8], width: u32, height: u32, quality: u8) -> Result<Vec<u8>, ImageError> {
    let too_large = |_| ImageError::Invalid { reason: "it is too large for a JPEG".to_owned() };
    let (width, height) =
        (u16::try_from(width).map_err(too_large)?, u16::try_from(height).map_err(too_large)?);
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, quality);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder
        .encode(rgb, width, height, ColorType::Rgb)
        .map_err(|error| ImageError::Invalid { reason: error.to_string() })?;
    Ok(file)
}

pub(super) fn read_header(bytes: &[u8]) -> Result<ImageHeader, ImageError> {
    // First, since it limits how many segments the decoder reads.
    let layout = Layout::read(bytes)?;
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options());
    decoder.decode_headers().map_err(refusal)?;
    let (width, height) = decoder.dimensions().ok_or_else(no_size)?;
    let (width, height) = (u32_from(width)?, u32_from(height)?);
    let orientation = orientation(decoder.exif().map(Vec::as_slice));
    if layout.scans > MAX_SCANS {
        return Err(ImageError::Invalid { reason: format!("it has more than {MAX_SCANS} scans") });
    }
    let cost = cost((width, height), &layout, copies_to_turn(orientation));
    let header = ImageHeader::turned(ImageFormat::Jpeg, (width, height), orientation, cost);
    Ok(ImageHeader { is_complete: layout.is_complete, ..header })
}

/// copies: see [`copies_to_turn`].
fn cost((width, height): (u32, u32), layout: &Layout, copies: u64) -> DecodeCost {
    let pixels = u64::from(width) * u64::from(height);
    let coefficients = layout.samples * COEFFICIENT_BYTES;
    let besides =
        BESIDES_PIXELS + ROW_SAMPLE_BYTES * layout.row_samples + METADATA_COPIES * layout.metadata_bytes;
    let kept = if layout.is_progressive || layout.scans > 1 { coefficients } else { 0 };
    let rgb = RGB_BYTES * pixels;
    // The picture is rotated after its decoder has been dropped.
    let whole = besides + (kept + rgb).max(rgb * copies);
    let divisor = u64::from(divisor(width, height));
    let is_reduced = divisor > 1 && matches!(layout.components, 1 | 3);
    DecodeCost {
        memory_bytes: if is_reduced { besides + reduced(pixels, layout, divisor, copies) } else { whole },
        map_memory_bytes: whole.max(besides + rgb + CELL_BYTES * pixels),
        samples: layout.scanned_samples,
        nanoseconds: 0,
    }
}

fn reduced(pixels: u64, layout: &Layout, divisor: u64, copies: u64) -> u64 {
    let kept = if layout.is_progressive { layout.samples * COEFFICIENT_BYTES } else { 0 };
    // The coefficients of a component that its scans leave incomplete are copied at the end.
    let again = layout.unfinished_samples * COEFFICIENT_BYTES;
    // Samples become a picture in their own colours; a grey one is copied into RGB.
    let samples = if layout.components == 1 { pixels } else { layout.samples };
    let picture = (samples + pixels * RGB_BYTES) / (divisor * divisor);
    (kept + again + picture).max(RGB_BYTES * pixels * copies / (divisor * divisor))
}

/// Pixels as the file stores them, before they are rotated upright.
struct Stored {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
    orientation: Orientation,
}

impl Stored {
    fn upright(self) -> Result<RgbImage, ImageError> {
        let rgb = RgbImage::from_raw(self.width, self.height, self.rgb).ok_or_else(no_size)?;
        let mut image = DynamicImage::ImageRgb8(rgb);
        image.apply_orientation(self.orientation);
        Ok(image.into_rgb8())
    }
}

fn decode_full(bytes: &[u8]) -> Result<Stored, ImageError> {
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options());
    let rgb = decoder.decode().map_err(refusal)?;
    let (width, height) = decoder.dimensions().ok_or_else(no_size)?;
    let orientation = orientation(decoder.exif().map(Vec::as_slice));
    Ok(Stored { width: u32_from(width)?, height: u32_from(height)?, rgb, orientation })
}

// None for colours that jpeg-decoder does not convert to RGB (CMYK, 16 bits); those are rare and decoded at full size.
fn decode_reduced(bytes: &[u8]) -> Result<Option<Stored>, ImageError> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.read_info().map_err(reduced_refusal)?;
    let Some(full) = decoder.info() else { return Ok(None) };
    if !matches!(full.pixel_format, PixelFormat::RGB24 | PixelFormat::L8) {
        return Ok(None);
    }
    // The decoder stops at the scale that reaches the requested size on EITHER side, so the short side's is
    // unreachable.
    let is_wide = full.width >= full.height;
    let wish = if is_wide { (MIN_REDUCED_SIDE, u16::MAX) } else { (u16::MAX, MIN_REDUCED_SIDE) };
    let (width, height) = decoder.scale(wish.0, wish.1).map_err(reduced_refusal)?;
    let pixels = decoder.decode().map_err(reduced_refusal)?;
    let rgb = match full.pixel_format {
        PixelFormat::L8 => pixels.into_iter().flat_map(|grey| [grey; 3]).collect(),
        _ => pixels,
    };
    let orientation = orientation(decoder.exif_data());
    Ok(Some(Stored { width: width.into(), height: height.into(), rgb, orientation }))
}

// Strict, because a lenient decoder fills missing or damaged parts with grey.
fn options() -> DecoderOptions {
    DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(MAX_SCANS)
        .jpeg_set_out_colorspace(ColorSpace::RGB)
}

fn orientation(exif: Option<&[u8]>) -> Orientation {
    exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}

fn no_size() -> ImageError {
    ImageError::Invalid { reason: "its size is unknown".to_owned() }
}

fn u32_from(side: usize) -> Result<u32, ImageError> {
    u32::try_from(side).map_err(|_| no_size())
}

fn refusal(error: DecodeErrors) -> ImageError {
    match error {
        DecodeErrors::Unsupported(_) => ImageError::Unsupported,
        // Some of its messages end with a newline.
        other => ImageError::Invalid { reason: other.to_string().trim_end().to_owned() },
    }
}

fn reduced_refusal(error: jpeg_decoder::Error) -> ImageError {
    match error {
        jpeg_decoder::Error::Unsupported(_) => ImageError::Unsupported,
        other => ImageError::Invalid { reason: other.to_string() },
    }
}
