//! The cost of decoding a file, computed from its header, before anything is allocated or a thread is occupied.
//!
//! Decoders cannot be interrupted: none of them could check a clock often enough, and a time limit would refuse on a
//! busy machine what it accepts on an idle one. These limits depend on the file alone:
//!
//! | format | time grows with | memory grows with |
//! |---|---|---|
//! | JPEG | scans times samples, which [`super::ImageLimits`] bounds; bytes | the picture that is kept; samples of all components if there are several scans; metadata |
//! | PNG | pixels; nothing is inflated behind the last row | a few rows, and the picture that is kept |
//! | WebP | pixels, bytes | pixels, several copies; the tables of codes without loss |
//! | GIF | pixels of the first frame, bytes | pixels, two copies |
//! | BMP | pixels | pixels |
//!
//! The estimate is never below the actual peak, and at most a third above it, since half of a small server's memory
//! must suffice for the images that it can decode. `tests/decoding` checks both against the allocator.

use image::metadata::Orientation;

/// The maximum cost of decoding a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeCost {
    /// Bytes that [`super::Picture::decode`] holds at once, besides the file itself.
    pub memory_bytes: u64,
    /// Bytes that decoding a segmentation map takes, besides the file itself.
    pub map_memory_bytes: u64,
    /// Number of samples visited: of each channel, and again for each scan.
    pub samples: u64,
    /// Approximate time on one processor. Used for scheduling; nothing is refused because of it.
    pub nanoseconds: u64,
}

/// Approximate time per sample, and per byte of the file. Measured on a server's processor of 2023.
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

/// Memory per pixel of a decoded segmentation map: its cells.
pub(super) const CELL_BYTES: u64 = 1;

/// A decoder that produces the whole picture before anything else is done with it.
pub(super) struct WholePicture {
    pub(super) pixels: u64,
    /// The decoder's peak memory, including the picture.
    pub(super) decoding_bytes: u64,
    /// Bytes per pixel of its output.
    pub(super) stored: u64,
    /// Whether that is RGB already.
    pub(super) is_rgb: bool,
    /// How many copies are held while it is rotated upright.
    pub(super) copies: u64,
    /// The factor by which it is then reduced.
    pub(super) divisor: u64,
}

impl WholePicture {
    pub(super) fn cost(&self) -> DecodeCost {
        let &Self { pixels, decoding_bytes, stored, is_rgb, copies, divisor } = self;
        let turning = pixels.saturating_mul(stored * copies);
        let converting = if is_rgb { 0 } else { pixels.saturating_mul(stored + RGB_BYTES) };
        let reduced = if divisor > 1 { pixels.saturating_mul(RGB_BYTES) / (divisor * divisor) } else { 0 };
        let reducing = pixels.saturating_mul(RGB_BYTES).saturating_add(reduced);
        let decoding = decoding_bytes.max(turning);
        DecodeCost {
            memory_bytes: BESIDES_PIXELS.saturating_add(decoding.max(converting).max(reducing)),
            map_memory_bytes: BESIDES_PIXELS
                .saturating_add(decoding.max(pixels.saturating_mul(stored + CELL_BYTES))),
            samples: pixels.saturating_mul(stored),
            nanoseconds: 0,
        }
    }
}

/// How many copies of a picture are held while it is rotated upright: a quarter turn needs a second one.
pub(super) fn copies_to_turn(orientation: Orientation) -> u64 {
    if is_on_its_side(orientation) { 2 } else { 1 }
}

/// Whether columns become rows.
pub(super) fn is_on_its_side(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// Bytes per pixel of a [`super::Picture`].
pub(super) const RGB_BYTES: u64 = 3;
