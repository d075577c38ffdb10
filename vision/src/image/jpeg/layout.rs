//! How a JPEG is laid out: its frame and its scans, by walking the markers. Decodes nothing.

use super::super::ImageError;

const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: u8 = 0xD9;
/// Blocks have this many samples on a side.
const BLOCK: u64 = 8;

/// What the markers say.
pub(super) struct Layout {
    /// Of all components together, padded to whole blocks as decoders hold them.
    pub(super) samples: u64,
    /// Samples of the components of each scan: what a decoder visits.
    pub(super) scanned_samples: u64,
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
        let (mut scans, mut scanned_samples) = (0, 0_u64);
        let mut is_complete = false;
        for segment in (Segments { rest: bytes }) {
            match segment.marker {
                END_OF_IMAGE => is_complete = true,
                START_OF_SCAN => {
                    let frame = frame.as_ref().ok_or_else(|| invalid("a scan comes before the frame"))?;
                    scans += 1;
                    scanned_samples = scanned_samples.saturating_add(frame.samples_of(segment.body));
                }
                // All starts of frames; the three that are none define tables or reserve the code.
                0xC0..=0xCF if !matches!(segment.marker, 0xC4 | 0xC8 | 0xCC) => {
                    if frame.is_some() {
                        return Err(invalid("it has more than one frame"));
                    }
                    frame = Some(Frame::read(segment)?);
                }
                _ => {}
            }
        }
        let frame = frame.ok_or_else(|| invalid("it has no frame"))?;
        Ok(Self {
            samples: frame.components.iter().map(|component| component.samples).sum(),
            scanned_samples,
            components: frame.components.len(),
            scans,
            is_progressive: frame.is_progressive,
            is_complete,
        })
    }
}

struct Frame {
    is_progressive: bool,
    components: Vec<Component>,
}

struct Component {
    id: u8,
    samples: u64,
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
        let rows = height.div_ceil(BLOCK * most_down) * BLOCK;
        let component = |(&[id, ..], (across, down)): (&[u8; 3], _)| Component {
            id,
            samples: columns * across * rows * down,
        };
        Ok(Self {
            is_progressive: matches!(segment.marker & 0x3, 0x2),
            components: listed.iter().zip(factors()).map(component).collect(),
        })
    }

    /// The samples of the components that a scan's header names. One that names others is refused by the decoders.
    fn samples_of(&self, scan_header: &[u8]) -> u64 {
        let named = scan_header.split_first().map_or(&[][..], |(&count, rest)| {
            let named = rest.as_chunks::<2>().0;
            &named[..named.len().min(usize::from(count))]
        });
        let is_named = |component: &&Component| named.iter().any(|&[id, _]| id == component.id);
        self.components.iter().filter(is_named).map(|component| component.samples).sum()
    }
}

#[derive(Clone, Copy)]
struct Segment<'file> {
    marker: u8,
    /// Without the length.
    body: &'file [u8],
}

/// Markers with what belongs to them, up to the end of the image. Coded data between them is passed over.
struct Segments<'file> {
    rest: &'file [u8],
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
                // Escaped data, or a marker that stands alone.
                0x00 | 0x01 | 0xD0..=0xD8 => self.rest = after,
                END_OF_IMAGE => {
                    self.rest = &[];
                    return Some(Segment { marker, body: &[] });
                }
                _ => {
                    let length =
                        after.first_chunk().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
                    let (segment, rest) = after.split_at_checked(length).unwrap_or((after, &[]));
                    self.rest = rest;
                    return Some(Segment { marker, body: segment.get(2..).unwrap_or_default() });
                }
            }
        }
    }
}

fn invalid(reason: &str) -> ImageError {
    ImageError::Invalid { reason: reason.to_owned() }
}
