//! What decoding a file will cost, told from its header: before anything is allocated, and before a thread is bound.
//!
//! No decoder is stopped in its middle. None of them could be between two looks at a clock, and a clock would refuse on a
//! busy machine what it takes on an idle one. The bounds here come from the file alone:
//!
//! | format | time grows with | memory grows with |
//! |---|---|---|
//! | JPEG | scans times samples, which [`super::ImageLimits`] bounds; bytes | the picture that is kept; samples of all components if there are several scans; metadata |
//! | PNG | pixels; nothing is inflated behind the last row | a few rows, and the picture that is kept |
//! | WebP | pixels, bytes | pixels, several copies; the tables of codes without loss |
//! | GIF | pixels of the first frame, bytes | pixels, two copies |
//! | BMP | pixels | pixels |
//!
//! What is told is no less than what is held at the worst, and at most a third more: half of a small server's memory must
//! do for what it can decode. `tests/decoding` holds both against the allocator.

use image::metadata::Orientation;

/// What decoding a file costs at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeCost {
    /// Bytes that [`super::Picture::decode`] holds at once, besides the file itself.
    pub memory_bytes: u64,
    /// Bytes that it takes to decode a segmentation map, besides the file itself.
    pub map_memory_bytes: u64,
    /// Samples that are visited: of each channel, and again for each scan.
    pub samples: u64,
    /// About how long it takes on one processor. Orders work; nothing is refused for it.
    pub nanoseconds: u64,
}

/// About what a sample takes, and a byte of the file. Measured on a server's processor of 2023.
pub(super) struct Pace {
    pub(super) of_sample: u64,
    pub(super) of_byte: u64,
}

impl Pace {
    pub(super) fn nanoseconds(&self, samples: u64, bytes: &[u8]) -> u64 {
        samples.saturating_mul(self.of_sample).saturating_add(bytes.len() as u64 * self.of_byte)
    }
}

/// What every decoder may hold besides pixels: tables, buffers, metadata.
pub(super) const BESIDES_PIXELS: u64 = 1 << 20;

/// What a segmentation map takes for each pixel once it is decoded: its cells.
pub(super) const CELL_BYTES: u64 = 1;

/// A decoder makes the whole picture before anything else is done with it.
pub(super) struct WholePicture {
    pub(super) pixels: u64,
    /// What the decoder holds at the worst, the picture among it.
    pub(super) decoding_bytes: u64,
    /// Bytes for each pixel of what it gives.
    pub(super) stored: u64,
    /// Whether that is RGB already.
    pub(super) is_rgb: bool,
    /// How often it is held while it is turned upright.
    pub(super) copies: u64,
    /// By what it is reduced then.
    pub(super) divisor: u64,
}

impl WholePicture {
    pub(super) fn cost(&self) -> DecodeCost {
        let &Self { pixels, decoding_bytes, stored, is_rgb, copies, divisor } = self;
        let turning = pixels * stored * copies;
        let converting = if is_rgb { 0 } else { pixels * (stored + RGB_BYTES) };
        let reduced = if divisor > 1 { pixels * RGB_BYTES / (divisor * divisor) } else { 0 };
        let reducing = pixels * RGB_BYTES + reduced;
        let decoding = decoding_bytes.max(turning);
        DecodeCost {
            memory_bytes: BESIDES_PIXELS + decoding.max(converting).max(reducing),
            map_memory_bytes: BESIDES_PIXELS + decoding.max(pixels * (stored + CELL_BYTES)),
            samples: pixels * stored,
            nanoseconds: 0,
        }
    }
}

/// How often a picture is held at once while it is turned upright: a quarter turn takes a copy.
pub(super) fn copies_to_turn(orientation: Orientation) -> u64 {
    if is_on_its_side(orientation) { 2 } else { 1 }
}

/// Whether columns become rows.
pub(super) fn is_on_its_side(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// What a pixel of a [`super::Picture`] takes.
pub(super) const RGB_BYTES: u64 = 3;
