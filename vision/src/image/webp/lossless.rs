//! What lossless coding takes besides pixels, told by walking it up to the pixels.
//!
//! A picture of one pixel may have 65,536 groups of five prefix codes, and eight bytes of a file describe a code whose
//! tables take 70 kB: a file of 700 kB has its decoder take 4.6 GB. So the codes' lengths are read, and the tables that
//! the decoder would make of them are added up. None is made here, and no pixel is kept.
//!
//! What cannot be read here is refused: a file must not mean one thing here and another to the decoder.
//!
//! Source: "Specification for WebP Lossless Bitstream".

use super::super::ImageError;
use super::damaged;
use super::prefix::{Bits, Code};

/// The most that tables may take. An ordinary encoder writes a few hundred groups of some 30 kB each, and never more than
/// a quarter of this.
const MAX_TABLE_BYTES: u64 = 256 << 20;
/// Of five codes, in a list whose room doubles while it grows: half of it is there twice then.
const GROUP_BYTES: u64 = 5 * 56 * 3 / 2;

const SIGNATURE: usize = 0x2F;
const COLOURS: usize = 256;
/// Prefixes of lengths and of distances.
const LENGTHS: usize = 24;
const DISTANCES: usize = 40;

const PREDICTOR: usize = 0;
const COLOUR: usize = 1;
const SUBTRACT_GREEN: usize = 2;

const PIXEL_BYTES: u64 = 4;
/// A pixel of the image that tells the groups of blocks, and the group's number.
const BLOCK_BYTES: u64 = PIXEL_BYTES + 2;

/// Of a coded picture, which begins with its size.
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

/// Of coded transparency, whose size is told elsewhere.
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
        let mut tables = GROUP_BYTES * groups.next_power_of_two() as u64;
        for _ in 0..groups {
            tables += self.group(cached)?.table_bytes();
            if tables > MAX_TABLE_BYTES {
                return Err(ImageError::TooMuchMemory { bytes: tables, limit: MAX_TABLE_BYTES });
            }
        }
        Ok(self.held + tables)
    }

    /// Passes over what is undone once the pixels are there. Returns how many columns are coded.
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
                    // Few colours share a pixel.
                    let shared = [(2, 8), (4, 4), (16, 2)].into_iter().find(|(most, _)| colours <= *most);
                    width = width.div_ceil(shared.map_or(1, |(_, pixels)| pixels));
                }
            }
        }
        Ok(width)
    }

    /// How many blocks of a size that is read there are.
    fn blocks(&mut self, width: usize, height: usize) -> Result<usize, ImageError> {
        let side = 1 << (self.bits.read(3)? + 2);
        Ok(width.div_ceil(side) * height.div_ceil(side))
    }

    /// How many colours are remembered.
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

    /// Passes over a small image of one group. Returns the largest number that its red and green make: what is copied or
    /// remembered has been read before. Takes as long as its bits, however many pixels it has.
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
            // All others are like a pixel that took no bits.
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
