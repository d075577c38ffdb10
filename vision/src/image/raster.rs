//! WebP, GIF and BMP, and PNGs that are segmentation maps, by the `image` crate.

use std::io::Cursor;

use image::{ColorType, DynamicImage, ImageDecoder, ImageReader, Limits, Rgb, RgbImage, Rgba, imageops};

use super::cost::{BESIDES_PIXELS, WholePicture, copies_to_turn};
use super::png::{allocation_limit, on_white};
use super::{ImageError, ImageFormat, ImageHeader, Picture, divisor, webp};

/// Bytes of a pixel of the picture, and of a frame that is composed into it.
const BYTES_OF_FRAMED_PIXEL: u64 = 8;

pub(super) fn decode(bytes: &[u8], header: &ImageHeader) -> Result<Picture, ImageError> {
    let image = reduced(into_rgb(decode_whole(bytes, header)?));
    Ok(Picture::from_rgb(image.width(), image.height(), image.into_raw())?.reduced_from(header))
}

/// All pixels in the colours that the file stores, rotated upright.
pub(super) fn decode_whole(bytes: &[u8], header: &ImageHeader) -> Result<DynamicImage, ImageError> {
    let max_alloc = match header.format {
        // Text and colour profiles; the decoder does not count the picture.
        ImageFormat::Png => allocation_limit(header.width.max(header.height)) as u64,
        _ => BESIDES_PIXELS + u64::from(header.width) * u64::from(header.height) * BYTES_OF_FRAMED_PIXEL,
    };
    let mut decoder = decoder(bytes, header.format, max_alloc)?;
    let orientation = decoder.orientation().map_err(refusal)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(refusal)?;
    image.apply_orientation(orientation);
    Ok(image)
}

pub(super) fn read_header(bytes: &[u8], format: ImageFormat) -> Result<ImageHeader, ImageError> {
    let mut decoder = decoder(bytes, format, BESIDES_PIXELS)?;
    let orientation = decoder.orientation().map_err(refusal)?;
    let (width, height) = decoder.dimensions();
    let colours = decoder.color_type();
    let (pixels, stored) = (u64::from(width) * u64::from(height), u64::from(colours.bytes_per_pixel()));
    let decoding_bytes = match format {
        ImageFormat::WebP => {
            webp::check_frames(bytes, (width, height))?;
            webp::memory_bytes(bytes, (width, height), stored)?
        }
        ImageFormat::Gif => pixels * BYTES_OF_FRAMED_PIXEL,
        _ => pixels * stored,
    };
    let whole = WholePicture {
        pixels,
        decoding_bytes,
        stored,
        is_rgb: colours == ColorType::Rgb8,
        copies: copies_to_turn(orientation),
        divisor: divisor(width, height).into(),
    };
    let header = ImageHeader::turned(format, (width, height), orientation, whole.cost());
    Ok(ImageHeader { is_complete: format != ImageFormat::WebP || webp::is_complete(bytes), ..header })
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

// To the scale at which a JPEG of this size would be decoded, so that later steps cost the same for every format.
fn reduced(image: RgbImage) -> RgbImage {
    let (width, height) = image.dimensions();
    match divisor(width, height) {
        1 => image,
        divisor => imageops::thumbnail(&image, width.div_ceil(divisor), height.div_ceil(divisor)),
    }
}

fn into_rgb(image: DynamicImage) -> RgbImage {
    if image.color().has_alpha() { laid_on_white(image) } else { image.into_rgb8() }
}

fn laid_on_white(image: DynamicImage) -> RgbImage {
    let image = image.into_rgba8();
    let rgb = |x, y| {
        let Rgba([r, g, b, a]) = *image.get_pixel(x, y);
        Rgb([r, g, b].map(|colour| on_white(colour, a)))
    };
    RgbImage::from_fn(image.width(), image.height(), rgb)
}

fn refusal(error: image::ImageError) -> ImageError {
    match error {
        image::ImageError::Unsupported(_) => ImageError::Unsupported,
        image::ImageError::Limits(_) => ImageError::Invalid { reason: "it needs too much memory".to_owned() },
        other => ImageError::Invalid { reason: other.to_string() },
    }
}
