//! The memory that lossless data takes besides pixels, computed by parsing it up to the pixels.
//!
//! A picture of one pixel may have 65,536 groups of five prefix codes, and eight bytes of a file can describe a code
//! whose tables take 70 kB: a file of 700 kB makes its decoder take 4.6 GB. Therefore the codes' lengths are read, and
//! the sizes of the decoder's tables are added up. No table is built here, and no pixel is stored.
//!
//! Whatever cannot be parsed here is refused: a file must not mean one thing here and another to the decoder.
//!
//! Source: "Specification for WebP Lossless Bitstream".

use super::super::ImageError;
use super::damaged;
use super::prefix::{Bits, Code};

/// Maximum bytes of all tables. An ordinary encoder writes a few hundred groups of about 30 kB each, and never more
/// than a quarter of this.
const MAX_TABLE_BYTES: u64 = 256 << 20;
/// Of five codes, in a list whose capacity doubles when it grows: half of it exists twice meanwhile.
const GROUP_BYTES: u64 = 5 * 56 * 3 / 2;

/// What a group counts at least, so that their number is bounded: reading the lengths of one takes up to 4 µs. Encoders
/// write a few thousand groups at most.
const MIN_GROUP_BYTES: u64 = 16 << 10;

const SIGNATURE: usize = 0x2F;
const COLOURS: usize = 256;
/// Prefixes of lengths and of distances.
const LENGTHS: usize = 24;
const DISTANCES: usize = 40;

const PREDICTOR: usize = 0;
const COLOUR: usize = 1;
const SUBTRACT_GREEN: usize = 2;

const PIXEL_BYTES: u64 = 4;
/// A pixel of the image that assigns groups to blocks, and the group's number.
const BLOCK_BYTES: u64 = PIXEL_BYTES + 2;

/// For a coded picture, which begins with its size.
pub(super) fn memory_of_picture(stream: &[u8]) -> Result<u64, ImageError> {
    let mut bits = Bits::new(stream);
    let signature = bits.read(8)?;
    let (width, height) = (bits.read(14)? + 1, bits.read(14)? + 1);
    let (_has_alpha, version) = (bits.flag()?, bits.read(3)?);
    if (signature, version) != (SIGNATURE, 0) {
        return Err(damaged());
    }
    Walk { bits, held: 0 }.picture(width, height)
}

/// For coded transparency, whose size is given elsewhere.
pub(super) fn memory_of_transparency(stream: &[u8], (width, height): (u32, u32)) -> Result<u64, ImageError> {
    Walk { bits: Bits::new(stream), held: 0 }.picture(width as usize, height as usize)
}

struct Walk<'file> {
    bits: Bits<'file>,
    held: u64,
}

/// The codes of a block's pixels.
struct Group {
    green: Code,
    others: [Code; 3],
    distance: Code,
}

impl Walk<'_> {
    fn picture(mut self, width: usize, height: usize) -> Result<u64, ImageError> {
        let width = self.transforms(width, height)?;
        let cached = self.colour_cache()?;
        let mut groups = 1;
        if self.bits.flag()? {
            let blocks = self.blocks(width, height)?;
            self.held += BLOCK_BYTES * blocks as u64;
            groups += self.image(blocks)?;
        }
        let at_least = MIN_GROUP_BYTES * groups as u64;
        if at_least > MAX_TABLE_BYTES {
            return Err(ImageError::TooMuchMemory { bytes: at_least, limit: MAX_TABLE_BYTES });
        }
        let mut tables = GROUP_BYTES * groups.next_power_of_two() as u64;
        for _ in 0..groups {
            tables += self.group(cached)?.table_bytes();
            if tables > MAX_TABLE_BYTES {
                return Err(ImageError::TooMuchMemory { bytes: tables, limit: MAX_TABLE_BYTES });
            }
        }
        Ok(self.held + tables)
    }

    /// Skips the transforms. Returns the number of coded columns.
    fn transforms(&mut self, mut width: usize, height: usize) -> Result<usize, ImageError> {
        let mut seen = [false; 4];
        while self.bits.flag()? {
            let kind = self.bits.read(2)?;
            if std::mem::replace(&mut seen[kind], true) {
                return Err(damaged());
            }
            match kind {
                PREDICTOR | COLOUR => {
                    let blocks = self.blocks(width, height)?;
                    self.held += PIXEL_BYTES * blocks as u64;
                    self.image(blocks)?;
                }
                SUBTRACT_GREEN => {}
                _ => {
                    let colours = self.bits.read(8)? + 1;
                    self.image(colours)?;
                    // If there are few colours, several pixels share one.
                    let shared = [(2, 8), (4, 4), (16, 2)].into_iter().find(|(most, _)| colours <= *most);
                    width = width.div_ceil(shared.map_or(1, |(_, pixels)| pixels));
                }
            }
        }
        Ok(width)
    }

    /// The number of blocks, by a block size that is read.
    fn blocks(&mut self, width: usize, height: usize) -> Result<usize, ImageError> {
        let side = 1 << (self.bits.read(3)? + 2);
        Ok(width.div_ceil(side) * height.div_ceil(side))
    }

    /// The size of the colour cache.
    fn colour_cache(&mut self) -> Result<usize, ImageError> {
        if !self.bits.flag()? {
            return Ok(0);
        }
        let bits = self.bits.read(4)?;
        if (1..=11).contains(&bits) { Ok(1 << bits) } else { Err(damaged()) }
    }

    fn group(&mut self, cached: usize) -> Result<Group, ImageError> {
        let mut code = |alphabet| Code::read(&mut self.bits, alphabet);
        Ok(Group {
            green: code(COLOURS + LENGTHS + cached)?,
            others: [code(COLOURS)?, code(COLOURS)?, code(COLOURS)?],
            distance: code(DISTANCES)?,
        })
    }

    /// Skips a small image of one group. Returns the largest number that its red and green make: whatever is copied or
    /// cached was read before. Takes time proportional to its bits, however many pixels it has.
    fn image(&mut self, pixels: usize) -> Result<usize, ImageError> {
        let cached = self.colour_cache()?;
        let Group { green, others: [red, blue, alpha], distance } = self.group(cached)?;
        let (mut done, mut largest) = (0, 0);
        while done < pixels {
            let left = self.bits.left();
            let symbol = green.symbol(&mut self.bits)?;
            if symbol < COLOURS {
                let red = red.symbol(&mut self.bits)?;
                blue.symbol(&mut self.bits)?;
                alpha.symbol(&mut self.bits)?;
                largest = largest.max(red << 8 | symbol);
                done += 1;
            } else if symbol < COLOURS + LENGTHS {
                done += self.prefixed(symbol - COLOURS)?;
                let prefix = distance.symbol(&mut self.bits)?;
                self.prefixed(prefix)?;
            } else {
                done += 1;
            }
            // All others are like a pixel without bits.
            if self.bits.left() == left {
                return Ok(largest);
            }
        }
        if done == pixels { Ok(largest) } else { Err(damaged()) }
    }

    /// A length or a distance by its prefix.
    fn prefixed(&mut self, prefix: usize) -> Result<usize, ImageError> {
        if prefix < 4 {
            return Ok(prefix + 1);
        }
        let more = (prefix - 2) / 2;
        Ok(((2 + prefix % 2) << more) + self.bits.read(more)? + 1)
    }
}

impl Group {
    fn table_bytes(&self) -> u64 {
        let Self { green, others, distance } = self;
        others.iter().chain([green, distance]).map(Code::table_bytes).sum()
    }
}
