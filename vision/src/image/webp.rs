//! Checks of a WebP's container, and the memory that its pictures take, before the `image` crate decodes it.

mod lossless;
mod prefix;

use super::ImageError;
use super::cost::RGB_BYTES;

/// Bytes of a pixel with transparency: of a frame, of the canvas that it is composed into, of lossless data.
const RGBA_BYTES: u64 = 4;
/// Lossy pictures are coded in blocks with this many samples per side.
const BLOCK: u32 = 16;
/// Bytes kept for a block until it is smoothed, in a list whose capacity doubles when it grows.
const BLOCK_BYTES: u64 = 3 * 30;

/// Size of a container's header: its name, its length, and the type of its content.
const RIFF_HEADER: usize = 12;
/// Of a frame of an animation: position, size, duration, flags.
const FRAME_HEADER: usize = 16;
/// The offset of the size in it.
const FRAME_SIZE: usize = 6;

/// Whether the file is as long as it claims: "RIFF", the number of bytes that follow, and then those bytes.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let length = bytes.get(4..).and_then(<[u8]>::first_chunk).map(|length| u32::from_le_bytes(*length));
    length.is_some_and(|length| 8 + u64::from(length) <= bytes.len() as u64)
}

/// Refuses a file with a coded picture larger than its canvas: the decoder detects that too late.
pub(super) fn check_frames(bytes: &[u8], (width, height): (u32, u32)) -> Result<(), ImageError> {
    let top = chunks(bytes.get(RIFF_HEADER..).unwrap_or_default());
    for (kind, body) in top {
        let coded = match &kind {
            b"ANMF" => chunks(body.get(FRAME_HEADER..).unwrap_or_default()).find_map(coded_size),
            _ => coded_size((kind, body)),
        };
        if coded.is_some_and(|(coded_width, coded_height)| coded_width > width || coded_height > height) {
            return Err(too_large_frame());
        }
    }
    Ok(())
}

/// The decoder's peak memory, from the resulting picture, with `stored` bytes per pixel, to the data that it decodes
/// from. Only the first frame of an animation is decoded.
pub(super) fn memory_bytes(bytes: &[u8], size: (u32, u32), stored: u64) -> Result<u64, ImageError> {
    let pixels = u64::from(size.0) * u64::from(size.1);
    let top = || chunks(bytes.get(RIFF_HEADER..).unwrap_or_default());
    let (is_animated, mut coded) = (top().next().is_some_and(is_animated), Vec::new());
    let (mut parts, mut has_frame) = (0, false);
    for (kind, body) in top() {
        check_repeated(&mut coded, kind)?;
        parts += match &kind {
            // The decoder would take parts of the frame for the whole image's.
            b"ANMF" if !is_animated => return Err(damaged()),
            b"ANMF" if has_frame => 0,
            b"ANMF" => {
                has_frame = true;
                let decoded = memory_of_frame(body, size)? + RGBA_BYTES * pixels;
                decoded.max(2 * RGBA_BYTES * pixels)
            }
            // Lossless data has transparency, which is removed in a copy.
            b"VP8L" if stored == RGB_BYTES => memory_of((kind, body), size)? + RGBA_BYTES * pixels,
            _ => memory_of((kind, body), size)?,
        };
    }
    Ok(stored * pixels + parts)
}

fn memory_of_frame(frame: &[u8], canvas: (u32, u32)) -> Result<u64, ImageError> {
    let Some(&[w0, w1, w2, h0, h1, h2]) = frame.get(FRAME_SIZE..).and_then(<[u8]>::first_chunk) else {
        return Err(damaged());
    };
    let number = |bytes: [u8; 3]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) + 1;
    let size = (number([w0, w1, w2]), number([h0, h1, h2]));
    if size.0 > canvas.0 || size.1 > canvas.1 {
        return Err(too_large_frame());
    }
    let mut coded = Vec::new();
    let parts = chunks(frame.get(FRAME_HEADER..).unwrap_or_default()).map(|chunk| {
        check_repeated(&mut coded, chunk.0)?;
        memory_of(chunk, size)
    });
    parts.sum()
}

/// Whether a file that begins with this chunk may have frames.
fn is_animated((kind, body): Chunk<'_>) -> bool {
    const ANIMATION: u8 = 2;
    &kind == b"VP8X" && body.first().is_some_and(|flags| flags & ANIMATION != 0)
}

/// Refuses a second chunk of coded data: the decoder ignores it, and reading it here takes time.
fn check_repeated(seen: &mut Vec<[u8; 4]>, kind: [u8; 4]) -> Result<(), ImageError> {
    if matches!(&kind, b"VP8 " | b"VP8L" | b"ALPH") {
        if seen.contains(&kind) {
            return Err(damaged());
        }
        seen.push(kind);
    }
    Ok(())
}

/// The memory for decoding a chunk, besides the resulting pixels.
fn memory_of((kind, body): Chunk<'_>, (width, height): (u32, u32)) -> Result<u64, ImageError> {
    let pixels = u64::from(width) * u64::from(height);
    match (&kind, body) {
        // A luma plane, two colour planes at half the size, and a copy of the coded data.
        (b"VP8 ", _) => {
            let blocks = u64::from(width.div_ceil(BLOCK)) * u64::from(height.div_ceil(BLOCK));
            Ok(blocks * (u64::from(BLOCK * BLOCK) * 3 / 2 + BLOCK_BYTES) + body.len() as u64)
        }
        (b"VP8L", _) => lossless::memory_of_picture(body),
        // Compressed transparency is a picture of which the green channel is used.
        (b"ALPH", [flags, packed @ ..]) if flags & 3 == 1 => {
            let tables = lossless::memory_of_transparency(packed, (width, height))?;
            Ok(tables + (RGBA_BYTES + 1) * pixels)
        }
        (b"ALPH", _) => Ok(pixels),
        _ => Ok(0),
    }
}

fn too_large_frame() -> ImageError {
    ImageError::Invalid { reason: "a frame is larger than the image".to_owned() }
}

fn damaged() -> ImageError {
    ImageError::Invalid { reason: "its data is damaged".to_owned() }
}

type Chunk<'file> = ([u8; 4], &'file [u8]);

fn chunks(mut rest: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    std::iter::from_fn(move || {
        let (kind, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let body = &after[..length.min(after.len())];
        // Chunks are padded to an even number of bytes.
        rest = after.get(length.saturating_add(length & 1)..).unwrap_or_default();
        Some((*kind, body))
    })
}

/// Width and height of a coded picture in pixels.
fn coded_size((kind, body): Chunk<'_>) -> Option<(u32, u32)> {
    match &kind {
        // Three bytes of frame tag and three of start code.
        b"VP8 " => {
            let &[w0, w1, h0, h1] = body.get(6..)?.first_chunk()?;
            let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
            Some((side(w0, w1), side(h0, h1)))
        }
        // A byte of signature, then 14 bits each of width - 1 and height - 1.
        b"VP8L" => {
            let sides = u32::from_le_bytes(*body.get(1..)?.first_chunk()?);
            Some(((sides & 0x3FFF) + 1, ((sides >> 14) & 0x3FFF) + 1))
        }
        _ => None,
    }
}
