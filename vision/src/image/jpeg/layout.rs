//! The structure of a JPEG, its frame and its scans, found by walking the markers. Decodes nothing.

use super::super::ImageError;

/// Bytes of the marker that every file starts with.
const START_OF_IMAGE: usize = 2;
const DEFINE_CODES: u8 = 0xC4;
const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: u8 = 0xD9;
/// Blocks have this many samples per side, and as many coefficients as samples.
const BLOCK: u64 = 8;
/// Maximum number of segments, without restart markers. Decoders search all parts of the metadata again for each
/// segment: a hundred thousand small ones would occupy a thread for minutes. Ordinary files have dozens, large depth
/// maps hundreds.
const MAX_SEGMENTS: usize = 1000;
/// Maximum bytes that describe codes, of which 17 bytes make a decoder build tables. A hundred scans with their own
/// codes take less.
const MAX_CODE_BYTES: usize = 1 << 18;

/// What the markers say.
pub(super) struct Layout {
    /// Of all components together, padded to whole blocks as decoders store them.
    pub(super) samples: u64,
    /// Of one row of blocks that are coded together.
    pub(super) row_samples: u64,
    /// Number of samples of the components of each scan: what a decoder visits.
    pub(super) scanned_samples: u64,
    /// Of the largest component whose scans do not give all bits of its coefficients, in a progressive file.
    pub(super) unfinished_samples: u64,
    /// Bytes of profiles, previews and the like.
    pub(super) metadata_bytes: u64,
    pub(super) components: usize,
    pub(super) scans: usize,
    pub(super) is_progressive: bool,
    /// Whether the end of the image was reached.
    pub(super) is_complete: bool,
}

impl Layout {
    /// Walks the markers to the end of the image, or to where the file ends.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        let mut frame: Option<Frame> = None;
        let (mut scans, mut scanned_samples, mut metadata_bytes) = (0, 0_u64, 0);
        let (mut code_bytes, mut is_complete) = (0, false);
        let rest = bytes.get(START_OF_IMAGE..).unwrap_or_default();
        for (number, segment) in (Segments { rest, is_in_header: true }).enumerate() {
            if number == MAX_SEGMENTS {
                return Err(invalid(&format!("it has more than {MAX_SEGMENTS} segments")));
            }
            match segment.marker {
                END_OF_IMAGE => is_complete = true,
                DEFINE_CODES => {
                    code_bytes += segment.body.len();
                    if code_bytes > MAX_CODE_BYTES {
                        return Err(invalid("it has too many Huffman tables"));
                    }
                }
                START_OF_SCAN => {
                    let frame = frame.as_mut().ok_or_else(|| invalid("a scan comes before the frame"))?;
                    scans += 1;
                    scanned_samples = scanned_samples.saturating_add(frame.scan(segment.body));
                }
                // All start-of-frame markers; two in this range define tables or are reserved.
                0xC0..=0xCF if !matches!(segment.marker, 0xC8 | 0xCC) => {
                    if frame.is_some() {
                        return Err(invalid("it has more than one frame"));
                    }
                    frame = Some(Frame::read(segment)?);
                }
                0xE0..=0xEF => metadata_bytes += segment.body.len() as u64,
                // In the header, where decoders do not agree on what comes next.
                0x00 | 0x01 | 0xD0..=0xD8 => return Err(invalid("its header is damaged")),
                _ => {}
            }
        }
        let frame = frame.ok_or_else(|| invalid("it has no frame"))?;
        let samples = frame.components.iter().map(|component| component.samples).sum();
        Ok(Self {
            samples,
            row_samples: samples / frame.rows.max(1),
            scanned_samples,
            unfinished_samples: frame.unfinished_samples(),
            metadata_bytes,
            components: frame.components.len(),
            scans,
            is_progressive: frame.is_progressive,
            is_complete,
        })
    }
}

struct Frame {
    is_progressive: bool,
    /// Of blocks that are coded together.
    rows: u64,
    components: Vec<Component>,
}

struct Component {
    id: u8,
    samples: u64,
    /// A bit for each coefficient that is complete.
    finished: u64,
}

impl Frame {
    fn read(segment: Segment<'_>) -> Result<Self, ImageError> {
        let damaged = || invalid("its frame is damaged");
        let (&[_, h1, h0, w1, w0, count], rest) = segment.body.split_first_chunk().ok_or_else(damaged)?;
        let (height, width) =
            (u64::from(u16::from_be_bytes([h1, h0])), u64::from(u16::from_be_bytes([w1, w0])));
        let listed = rest.as_chunks::<3>().0.get(..usize::from(count)).ok_or_else(damaged)?;
        let factors =
            || listed.iter().map(|&[_, factors, _]| (u64::from(factors >> 4), u64::from(factors & 0xF)));
        let most_across = factors().map(|(across, _)| across).max().unwrap_or(0);
        let most_down = factors().map(|(_, down)| down).max().unwrap_or(0);
        if factors().any(|(across, down)| across == 0 || down == 0) || most_across == 0 {
            return Err(damaged());
        }
        let columns = width.div_ceil(BLOCK * most_across) * BLOCK;
        let rows = height.div_ceil(BLOCK * most_down);
        let component = |(&[id, ..], (across, down)): (&[u8; 3], _)| Component {
            id,
            samples: columns * across * rows * BLOCK * down,
            finished: 0,
        };
        Ok(Self {
            is_progressive: matches!(segment.marker & 0x3, 0x2),
            rows,
            components: listed.iter().zip(factors()).map(component).collect(),
        })
    }

    /// The samples of the components that a scan's header names. Decoders refuse a scan that names unknown ones.
    fn scan(&mut self, header: &[u8]) -> u64 {
        let (count, rest) =
            header.split_first().map_or((0, &[][..]), |(&count, rest)| (usize::from(count), rest));
        let (named, rest) = rest.split_at_checked(2 * count).unwrap_or((rest, &[]));
        let is_named = |id| named.as_chunks::<2>().0.iter().any(|&[named, _]| named == id);
        let finished = finished_by(rest);
        let mut samples = 0;
        for component in self.components.iter_mut().filter(|component| is_named(component.id)) {
            component.finished |= finished;
            samples += component.samples;
        }
        samples
    }

    fn unfinished_samples(&self) -> u64 {
        let is_unfinished = |component: &&Component| self.is_progressive && component.finished != u64::MAX;
        self.components.iter().filter(is_unfinished).map(|component| component.samples).max().unwrap_or(0)
    }
}

/// The coefficients that a scan completes, from the end of its header: the first, the last, and the bits.
fn finished_by(end: &[u8]) -> u64 {
    match *end {
        [first, last, bits, ..] if bits.trailing_zeros() >= 4 && first <= last && last < 64 => {
            (u64::MAX >> (63 - last)) & (u64::MAX << first)
        }
        _ => 0,
    }
}

#[derive(Clone, Copy)]
struct Segment<'file> {
    marker: u8,
    /// Without the length field.
    body: &'file [u8],
}

/// Markers with their content, up to the end of the image. Entropy-coded data between them is skipped.
struct Segments<'file> {
    rest: &'file [u8],
    /// Before the first scan, where there is no coded data and no marker without content.
    is_in_header: bool,
}

impl<'file> Iterator for Segments<'file> {
    type Item = Segment<'file>;

    fn next(&mut self) -> Option<Segment<'file>> {
        loop {
            let start = memchr::memchr(0xFF, self.rest)?;
            let marker = *self.rest.get(start + 1)?;
            let after = &self.rest[start + 2..];
            match marker {
                // A fill byte may be the first byte of a marker.
                0xFF => self.rest = &self.rest[start + 1..],
                // Escaped data, or a marker without content.
                0x00 | 0x01 | 0xD0..=0xD8 => {
                    self.rest = after;
                    if self.is_in_header {
                        return Some(Segment { marker, body: &[] });
                    }
                }
                END_OF_IMAGE => {
                    self.rest = &[];
                    return Some(Segment { marker, body: &[] });
                }
                _ => {
                    let length =
                        after.first_chunk().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
                    let (segment, rest) = after.split_at_checked(length).unwrap_or((after, &[]));
                    self.rest = rest;
                    self.is_in_header &= marker != START_OF_SCAN;
                    return Some(Segment { marker, body: segment.get(2..).unwrap_or_default() });
                }
            }
        }
    }
}

fn invalid(reason: &str) -> ImageError {
    ImageError::Invalid { reason: reason.to_owned() }
}
