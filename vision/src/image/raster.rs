//! PNG, WebP, GIF and BMP, by the `image` crate. Called by [`super::Picture::decode`] once the format is known.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, Rgb, RgbImage, Rgba, imageops};

use super::{ImageError, ImageFormat, ImageHeader, MIN_REDUCED_SIDE, Picture};

// What a decoder may hold for a pixel: 16-bit RGBA, and as much again for a frame that is laid into a canvas.
const BYTES_PER_PIXEL: u64 = 16;
// What a decoder may hold besides pixels: tables, colour profiles, text.
const BYTES_BESIDES_PIXELS: u64 = 1 << 20;

pub(super) fn decode(bytes: &[u8], header: &ImageHeader) -> Result<Picture, ImageError> {
    let image = reduced(into_rgb(decode_whole(bytes, header)?));
    Ok(Picture::from_rgb(image.width(), image.height(), image.into_raw())?.reduced_from(header))
}

/// All pixels in the colours that the file stores, turned upright.
pub(super) fn decode_whole(bytes: &[u8], header: &ImageHeader) -> Result<DynamicImage, ImageError> {
    check_complete(bytes, header.format)?;
    let pixels = u64::from(header.width) * u64::from(header.height);
    let mut decoder = decoder(bytes, header.format, BYTES_BESIDES_PIXELS + pixels * BYTES_PER_PIXEL)?;
    let orientation = decoder.orientation().map_err(refusal)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(refusal)?;
    image.apply_orientation(orientation);
    Ok(image)
}

pub(super) fn read_header(bytes: &[u8], format: ImageFormat) -> Result<ImageHeader, ImageError> {
    let mut decoder = decoder(bytes, format, BYTES_BESIDES_PIXELS)?;
    let orientation = decoder.orientation().map_err(refusal)?;
    let (width, height) = decoder.dimensions();
    Ok(ImageHeader::turned(format, width, height, orientation))
}

fn decoder(bytes: &[u8], format: ImageFormat, max_alloc: u64) -> Result<impl ImageDecoder + '_, ImageError> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(max_alloc);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), known_as(format));
    reader.limits(limits);
    reader.into_decoder().map_err(refusal)
}

fn known_as(format: ImageFormat) -> image::ImageFormat {
    match format {
        ImageFormat::Jpeg => image::ImageFormat::Jpeg,
        ImageFormat::Png => image::ImageFormat::Png,
        ImageFormat::WebP => image::ImageFormat::WebP,
        ImageFormat::Gif => image::ImageFormat::Gif,
        ImageFormat::Bmp => image::ImageFormat::Bmp,
    }
}

// To the scale at which a JPEG of this size would have been decoded: what follows costs the same for every format.
fn reduced(image: RgbImage) -> RgbImage {
    let (width, height) = image.dimensions();
    let parts = width.max(height) / u32::from(MIN_REDUCED_SIDE);
    match [8, 4, 2].into_iter().find(|divisor| *divisor <= parts) {
        Some(divisor) => imageops::thumbnail(&image, width.div_ceil(divisor), height.div_ceil(divisor)),
        None => image,
    }
}

fn into_rgb(image: DynamicImage) -> RgbImage {
    if image.color().has_alpha() { on_white(image) } else { image.into_rgb8() }
}

// A viewer shows transparency on its own background; white is what most of them have.
fn on_white(image: DynamicImage) -> RgbImage {
    let blend = |colour: u8, alpha: u8| {
        let (colour, alpha) = (u16::from(colour), u16::from(alpha));
        ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    let image = image.into_rgba8();
    let rgb = |x, y| {
        let Rgba([r, g, b, a]) = *image.get_pixel(x, y);
        Rgb([blend(r, a), blend(g, a), blend(b, a)])
    };
    RgbImage::from_fn(image.width(), image.height(), rgb)
}

// Decoders of these formats forgive some early ends; what their containers say of their own length does not.
fn check_complete(bytes: &[u8], format: ImageFormat) -> Result<(), ImageError> {
    let complete = match format {
        ImageFormat::Png => png_has_end(bytes),
        ImageFormat::WebP => riff_length(bytes).is_some_and(|length| length <= bytes.len() as u64),
        ImageFormat::Jpeg | ImageFormat::Gif | ImageFormat::Bmp => true,
    };
    if complete { Ok(()) } else { Err(ImageError::Invalid { reason: "it ends early".to_owned() }) }
}

// A PNG is a signature and chunks: length, kind, data, checksum. The last chunk's kind is IEND.
fn png_has_end(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((length, chunk)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        if chunk.starts_with(b"IEND") {
            return chunk.len() >= 8;
        }
        rest = chunk.get(8..).and_then(|chunk| chunk.get(length..)).unwrap_or_default();
    }
    false
}

// "RIFF", the number of bytes that follow, and then those.
fn riff_length(bytes: &[u8]) -> Option<u64> {
    let (_, rest) = bytes.split_first_chunk::<4>()?;
    let (length, _) = rest.split_first_chunk::<4>()?;
    Some(8 + u64::from(u32::from_le_bytes(*length)))
}

fn refusal(error: image::ImageError) -> ImageError {
    match error {
        image::ImageError::Unsupported(_) => ImageError::Unsupported,
        image::ImageError::Limits(_) => ImageError::Invalid { reason: "it needs too much memory".to_owned() },
        other => ImageError::Invalid { reason: other.to_string() },
    }
}
