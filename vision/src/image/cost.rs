//! What decoding a file will cost, told from its header: before anything is allocated, and before a thread is bound.
//!
//! No decoder is stopped in its middle. None of them could be between two looks at a clock, and a clock would refuse on a
//! busy machine what it takes on an idle one. The bounds here come from the file alone:
//!
//! | format | time grows with | memory grows with |
//! |---|---|---|
//! | JPEG | scans times samples, which [`super::ImageLimits`] bounds; bytes | samples of all components |
//! | PNG | pixels; nothing is inflated behind the last row | a few rows, and the picture that is kept |
//! | WebP | pixels, bytes | pixels, several copies |
//! | GIF | pixels of the first frame, bytes | pixels, two copies |
//! | BMP | pixels | pixels, two copies |

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
const CELL_BYTES: u64 = 1;

impl DecodeCost {
    /// Of a decoder that makes the whole picture before anything else is done with it. `decoding` and `stored`: bytes for
    /// each pixel while it decodes, and of the colours that it gives.
    pub(super) fn of_whole_picture(pixels: u64, decoding: u64, stored: u64, samples: u64) -> Self {
        Self {
            // Turning the picture and laying it on white each take a copy beside the one that they read.
            memory_bytes: BESIDES_PIXELS + pixels * decoding.max(stored + RGB_BYTES),
            map_memory_bytes: BESIDES_PIXELS + pixels * decoding.max(2 * stored).max(stored + CELL_BYTES),
            samples,
            nanoseconds: 0,
        }
    }

    pub(super) fn with_more_memory(self, bytes: u64) -> Self {
        let (memory_bytes, map_memory_bytes) = (self.memory_bytes + bytes, self.map_memory_bytes + bytes);
        Self { memory_bytes, map_memory_bytes, ..self }
    }
}

/// What a pixel of a [`super::Picture`] takes.
pub(super) const RGB_BYTES: u64 = 3;
