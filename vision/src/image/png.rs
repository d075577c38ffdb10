//! PNG, by the `png` crate, row by row: a large picture is reduced while it is decoded and never held completely,
//! whatever its depth. Text and colour profiles are skipped, so that nothing in them is inflated.

use std::io::Cursor;

use image::RgbImage;
use image::metadata::Orientation;
use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Reader, Transformations};

use super::cost::{BESIDES_PIXELS, DecodeCost, RGB_BYTES, WholePicture, copies_to_turn};
use super::{ImageError, ImageFormat, ImageHeader, Picture, divisor, turn};

/// Rows that the decoder may hold in their stored form: inflated ahead, unfiltered, the previous one, and the current
/// one.
const ROWS_HELD: u64 = 16;
/// Bytes of a sum of samples.
const SUM_BYTES: u64 = 2;

type Source<'file> = Cursor<&'file [u8]>;

pub(super) fn read_header(bytes: &[u8]) -> Result<ImageHeader, ImageError> {
    let reader = reader(bytes)?;
    let info = reader.info();
    let (width, height) = info.size();
    let frame = info.frame_control();
    if frame.is_some_and(|frame| (frame.width, frame.height) != (width, height)) {
        return Err(invalid("its first frame differs in size from the image"));
    }
    let orientation = info.exif_metadata.as_deref().and_then(Orientation::from_exif_chunk);
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    let (colours, depth) = reader.output_color_type();
    let stored = colours.samples() as u64 * (depth as u64 / 8);
    let cost = cost((width, height), stored, copies_to_turn(orientation));
    let header = ImageHeader::turned(ImageFormat::Png, (width, height), orientation, cost);
    Ok(ImageHeader { is_complete: has_end(bytes), ..header })
}

/// stored: bytes per pixel. copies: see [`copies_to_turn`].
fn cost((width, height): (u32, u32), stored: u64, copies: u64) -> DecodeCost {
    let pixels = u64::from(width) * u64::from(height);
    let divisor = divisor(width, height);
    let rows = ROWS_HELD * u64::from(width) * (stored + RGB_BYTES);
    let kept = u64::from(width.div_ceil(divisor)) * u64::from(height.div_ceil(divisor)) * RGB_BYTES;
    let sums = if divisor > 1 { kept * SUM_BYTES } else { 0 };
    // A map is needed at full size.
    let decoding_bytes = pixels * stored;
    let whole =
        WholePicture { pixels, decoding_bytes, stored, is_rgb: false, copies, divisor: divisor.into() }
            .cost();
    DecodeCost {
        // The sums are dropped before it is rotated upright.
        memory_bytes: BESIDES_PIXELS + rows + (kept + sums).max(kept * copies),
        map_memory_bytes: rows + whole.map_memory_bytes,
        ..whole
    }
}

pub(super) fn decode(bytes: &[u8], header: &ImageHeader) -> Result<Picture, ImageError> {
    let mut reader = reader(bytes)?;
    let info = reader.info();
    let ((width, height), is_interlaced) = (info.size(), info.interlaced);
    let orientation = info.exif_metadata.as_deref().and_then(Orientation::from_exif_chunk);
    let (colours, depth) = reader.output_color_type();
    let mut canvas = Canvas::new(width, height);
    let passes = if is_interlaced { &ADAM7[..] } else { &[WHOLE] };
    let mut rgb = Vec::new();
    for pass in passes.iter().filter(|pass| pass.left < width && pass.top < height) {
        for y in (pass.top..height).step_by(pass.down) {
            let row = reader.next_row().map_err(refusal)?.ok_or_else(|| invalid("a row is missing"))?;
            rgb.clear();
            into_rgb(row.data(), colours, depth, &mut rgb)?;
            canvas.draw_row(&rgb, y, pass);
        }
    }
    let picture = turn(canvas.finish()?, orientation.unwrap_or(Orientation::NoTransforms));
    Ok(Picture::from_rgb(picture.width(), picture.height(), picture.into_raw())?.reduced_from(header))
}

/// The pixels of one pass through the picture.
struct Pass {
    left: u32,
    across: usize,
    top: u32,
    down: usize,
}

const WHOLE: Pass = Pass { left: 0, across: 1, top: 0, down: 1 };

/// Source: PNG specification, "Interlacing and pass extraction".
const ADAM7: [Pass; 7] = [
    Pass { left: 0, across: 8, top: 0, down: 8 },
    Pass { left: 4, across: 8, top: 0, down: 8 },
    Pass { left: 0, across: 4, top: 4, down: 8 },
    Pass { left: 2, across: 4, top: 0, down: 4 },
    Pass { left: 0, across: 2, top: 2, down: 4 },
    Pass { left: 1, across: 2, top: 0, down: 2 },
    Pass { left: 0, across: 1, top: 1, down: 2 },
];

/// The picture while it is received: its pixels, or the sums of the pixels that are merged into one.
struct Canvas {
    width: u32,
    height: u32,
    divisor: u32,
    pixels: Vec<u8>,
    /// At most 64 samples of 255. Empty if nothing is reduced.
    sums: Vec<u16>,
}

impl Canvas {
    fn new(width: u32, height: u32) -> Self {
        let divisor = divisor(width, height);
        let samples = width.div_ceil(divisor) as usize * height.div_ceil(divisor) as usize * 3;
        let (pixels, sums) =
            if divisor == 1 { (vec![0; samples], vec![]) } else { (vec![], vec![0; samples]) };
        Self { width, height, divisor, pixels, sums }
    }

    fn draw_row(&mut self, rgb: &[u8], y: u32, pass: &Pass) {
        let (stride, left) = (self.width.div_ceil(self.divisor) as usize * 3, pass.left as usize);
        let row = (y / self.divisor) as usize * stride;
        let columns = (left..).step_by(pass.across).zip(rgb.as_chunks::<3>().0);
        if self.divisor == 1 {
            let row = self.pixels[row..row + stride].as_chunks_mut::<3>().0;
            return columns.for_each(|(x, colour)| row[x] = *colour);
        }
        let (shift, row) = (self.divisor.ilog2(), self.sums[row..row + stride].as_chunks_mut::<3>().0);
        for (x, colour) in columns {
            for (sum, sample) in row[x >> shift].iter_mut().zip(colour) {
                *sum += u16::from(*sample);
            }
        }
    }

    fn finish(self) -> Result<RgbImage, ImageError> {
        let Self { width, height, divisor, pixels, sums } = self;
        let (columns, rows) = (width.div_ceil(divisor), height.div_ceil(divisor));
        let pixels = if divisor == 1 { pixels } else { means(&sums, (width, height), divisor) };
        RgbImage::from_raw(columns, rows, pixels).ok_or_else(|| invalid("a row is missing"))
    }
}

/// The mean of each sum; those at the right and bottom edges may have fewer samples.
fn means(sums: &[u16], (width, height): (u32, u32), divisor: u32) -> Vec<u8> {
    let columns = width.div_ceil(divisor);
    let mut pixels = Vec::with_capacity(sums.len());
    for (number, sum) in (0_u32..).zip(sums.as_chunks::<3>().0) {
        let (x, y) = (number % columns * divisor, number / columns * divisor);
        let count = divisor.min(width - x) * divisor.min(height - y);
        pixels.extend(sum.map(|sum| ((u32::from(sum) + count / 2) / count) as u8));
    }
    pixels
}

/// Appends a row in any colour type as RGB; transparency is blended with white.
fn into_rgb(row: &[u8], colours: ColorType, depth: BitDepth, rgb: &mut Vec<u8>) -> Result<(), ImageError> {
    match (colours, depth) {
        (ColorType::Rgb, BitDepth::Eight) => rgb.extend_from_slice(row),
        (ColorType::Grayscale, BitDepth::Eight) => rgb.extend(row.iter().flat_map(|&grey| [grey; 3])),
        (ColorType::Grayscale, BitDepth::Sixteen) => rgb.extend(deep(row).flat_map(|grey| [grey; 3])),
        (ColorType::Rgb, BitDepth::Sixteen) => rgb.extend(deep(row)),
        (ColorType::GrayscaleAlpha, BitDepth::Eight) => {
            rgb.extend(row.as_chunks().0.iter().flat_map(|&[grey, alpha]| [on_white(grey, alpha); 3]));
        }
        (ColorType::GrayscaleAlpha, BitDepth::Sixteen) => {
            let pixels = row.as_chunks::<4>().0.iter();
            rgb.extend(
                pixels
                    .flat_map(|&[g1, g0, a1, a0]| [on_white(eight_bits([g1, g0]), eight_bits([a1, a0])); 3]),
            );
        }
        (ColorType::Rgba, BitDepth::Eight) => {
            rgb.extend(
                row.as_chunks().0.iter().flat_map(|&[r, g, b, alpha]| [r, g, b].map(|c| on_white(c, alpha))),
            );
        }
        (ColorType::Rgba, BitDepth::Sixteen) => {
            let pixels = row.as_chunks::<8>().0.iter();
            rgb.extend(pixels.flat_map(|&[r1, r0, g1, g0, b1, b0, a1, a0]| {
                let alpha = eight_bits([a1, a0]);
                [[r1, r0], [g1, g0], [b1, b0]].map(|sample| on_white(eight_bits(sample), alpha))
            }));
        }
        _ => return Err(ImageError::Unsupported),
    }
    Ok(())
}

fn deep(row: &[u8]) -> impl Iterator<Item = u8> + '_ {
    row.as_chunks().0.iter().map(|&sample| eight_bits(sample))
}

fn eight_bits(sample: [u8; 2]) -> u8 {
    ((u32::from(u16::from_be_bytes(sample)) + 128) / 257) as u8
}

// A viewer shows transparency on its own background, which is white in most of them.
pub(super) fn on_white(colour: u8, alpha: u8) -> u8 {
    let (colour, alpha) = (u16::from(colour), u16::from(alpha));
    ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

fn reader(bytes: &[u8]) -> Result<Reader<Source<'_>>, ImageError> {
    let mut decoder = Decoder::new(Cursor::new(bytes));
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let width = decoder.read_header_info().map_err(refusal)?.width;
    decoder.set_limits(Limits { bytes: allocation_limit(width) });
    // Palettes and low bit depths become 8 bits per sample, and a transparent colour becomes an alpha channel.
    decoder.set_transformations(Transformations::EXPAND);
    decoder.read_info().map_err(refusal)
}

/// Memory limit of the decoder: metadata, and a row of 16-bit RGBA. The limits on pictures bound the length of a row.
pub(super) fn allocation_limit(width: u32) -> usize {
    // A buffer that grows is moved, and exists twice meanwhile.
    usize::try_from(BESIDES_PIXELS / 2 + 8 * u64::from(width)).unwrap_or(usize::MAX)
}

// A PNG is a signature and chunks: length, kind, data, checksum. The last chunk's kind is IEND.
fn has_end(bytes: &[u8]) -> bool {
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

fn refusal(error: DecodingError) -> ImageError {
    match error {
        DecodingError::LimitsExceeded => invalid("it needs too much memory"),
        other => ImageError::Invalid { reason: other.to_string() },
    }
}

fn invalid(reason: &str) -> ImageError {
    ImageError::Invalid { reason: reason.to_owned() }
}
