//! What is checked of a WebP's container before the `image` crate decodes it.

use super::ImageError;

/// What its decoder may hold for a pixel: lossy, with transparency, laid into the canvas of an animation. That is planes
/// of luma and colours (1.5), transparency (1), the frame (4), the canvas (4) and the picture (4).
pub(super) const BYTES_PER_PIXEL: u64 = 15;

/// A container's name, its length, and what is in it.
const RIFF_HEADER: usize = 12;
/// Of a frame of an animation: place, size, duration, flags.
const FRAME_HEADER: usize = 16;

/// Whether the file is as long as it says: "RIFF", the number of bytes that follow, and then those.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let length = bytes.get(4..).and_then(<[u8]>::first_chunk).map(|length| u32::from_le_bytes(*length));
    length.is_some_and(|length| 8 + u64::from(length) <= bytes.len() as u64)
}

/// Refuses a file of which a coded picture is larger than the canvas says: the decoder sees that too late.
pub(super) fn check_frames(bytes: &[u8], (width, height): (u32, u32)) -> Result<(), ImageError> {
    let top = chunks(bytes.get(RIFF_HEADER..).unwrap_or_default());
    for (kind, body) in top {
        let coded = match &kind {
            b"ANMF" => chunks(body.get(FRAME_HEADER..).unwrap_or_default()).find_map(coded_size),
            _ => coded_size((kind, body)),
        };
        if coded.is_some_and(|(coded_width, coded_height)| coded_width > width || coded_height > height) {
            return Err(ImageError::Invalid { reason: "a frame is larger than the picture".to_owned() });
        }
    }
    Ok(())
}

type Chunk<'file> = ([u8; 4], &'file [u8]);

fn chunks(mut rest: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    std::iter::from_fn(move || {
        let (kind, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let body = &after[..length.min(after.len())];
        // Chunks are padded to whole pairs of bytes.
        rest = after.get(length.saturating_add(length & 1)..).unwrap_or_default();
        Some((*kind, body))
    })
}

/// Columns and rows of a coded picture.
fn coded_size((kind, body): Chunk<'_>) -> Option<(u32, u32)> {
    match &kind {
        // Three bytes of frame tag and three of start code.
        b"VP8 " => {
            let &[w0, w1, h0, h1] = body.get(6..)?.first_chunk()?;
            let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
            Some((side(w0, w1), side(h0, h1)))
        }
        // A byte of signature, then 14 bits of each side less one.
        b"VP8L" => {
            let sides = u32::from_le_bytes(*body.get(1..)?.first_chunk()?);
            Some(((sides & 0x3FFF) + 1, ((sides >> 14) & 0x3FFF) + 1))
        }
        _ => None,
    }
}
