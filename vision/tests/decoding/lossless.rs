//! The memory that lossless WebP takes besides pixels.

use vision::{ImageError, ImageHeader, Picture};

use crate::memory::alone;
use crate::{LIMITS, tell, webp};

#[test]
fn tables_of_codes_count_as_memory() {
    let alone = alone();
    for (groups, tables) in
        [(1, Tables::Largest), (600, Tables::Largest), (9000, Tables::Usual), (16_384, Tables::None)]
    {
        let coded = picture(groups, &tables);
        // As transparency it has neither a signature nor a size.
        let mut bits = Bits::default();
        bits.code(groups, &tables);
        let transparency = webp::chunk(*b"ALPH", &[&[1], &bits.bytes[..]].concat());
        let files = [
            ("picture", webp::riff(&coded)),
            ("frame", webp::animation((16, 16), &[], &coded)),
            ("transparency", webp::extended((16, 16), &transparency, &webp::lossy(16, 16))),
        ];
        for (place, file) in files {
            let header = ImageHeader::read(&file, &LIMITS).unwrap();
            let peak = alone.peak_of(|| Picture::decode(&file, &LIMITS).unwrap());
            let name = format!("{} kB of {groups} groups, {tables:?}", file.len() / 1000);
            tell(&name, place, peak, header.cost.memory_bytes);
        }
    }
}

#[test]
fn file_whose_tables_would_take_gigabytes_is_refused_by_its_header() {
    let alone = alone();
    let bomb = webp::riff(&picture(65_536, &Tables::Largest));
    assert!(bomb.len() < 1_000_000);
    let peak = alone.peak_of(|| {
        let refusal = ImageHeader::read(&bomb, &LIMITS).unwrap_err();
        assert!(matches!(refusal, ImageError::TooMuchMemory { .. }), "{refusal}");
        assert_eq!(Picture::decode(&bomb, &LIMITS).unwrap_err(), refusal);
    });
    assert!(peak < 1 << 20, "{peak}");
}

#[test]
fn frame_in_an_image_that_is_not_animated_is_refused() {
    let mut bits = Bits::default();
    bits.code(1, &Tables::None);
    let transparency = webp::chunk(*b"ALPH", &[&[1], &bits.bytes[..]].concat());
    let file = webp::hidden_frame((16, 16), &webp::lossy(16, 16), &transparency);
    let refusal = ImageHeader::read(&file, &LIMITS).unwrap_err();
    assert!(matches!(refusal, ImageError::Invalid { .. }), "{refusal}");
}

#[test]
fn second_chunk_of_coded_data_is_refused() {
    let coded = picture(1, &Tables::None);
    let file = webp::riff(&[coded.clone(), coded].concat());
    let refusal = ImageHeader::read(&file, &LIMITS).unwrap_err();
    assert!(matches!(refusal, ImageError::Invalid { .. }), "{refusal}");
}

/// The kind of code for green in each group, by what the decoder holds for it.
#[derive(Debug)]
enum Tables {
    /// Nothing: one colour.
    None,
    /// A table for 256 colours.
    Usual,
    /// A table and a tree for 2,048 colours, most of them from the colour cache.
    Largest,
}

/// A chunk of a picture whose pixels all belong to the last of its groups.
fn picture(groups: usize, tables: &Tables) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.write(0x2F, 8);
    bits.write(15, 14);
    bits.write(15, 14);
    bits.write(0, 4);
    bits.code(groups, tables);
    webp::chunk(*b"VP8L", &bits.bytes)
}

/// Bits, the lowest of each byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    fn write(&mut self, value: usize, count: usize) {
        for place in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = (value >> place & 1) as u8;
            *self.bytes.last_mut().unwrap() |= bit << (self.used % 8);
            self.used += 1;
        }
    }

    /// A picture of 16x16 pixels, from its transforms to its pixels.
    fn code(&mut self, groups: usize, tables: &Tables) {
        // No transforms; a cache of 2,048 colours; an image of groups, each for a block of 4x4 pixels.
        self.write(0, 1);
        self.write(1, 1);
        self.write(11, 4);
        self.write(1, 1);
        self.write(0, 3);
        self.write(0, 1);
        let last = groups - 1;
        for symbol in [last & 0xFF, last >> 8, 0, 0, 0] {
            self.single(symbol);
        }
        for _ in 0..groups {
            match tables {
                Tables::None => self.single(7),
                Tables::Usual => self.equal(8, 256),
                Tables::Largest => self.equal(11, 2048),
            }
            for _ in 0..4 {
                self.single(0);
            }
        }
        // Every pixel is the first colour.
        for _ in 0..16 * 16 {
            self.write(0, 11);
        }
    }

    /// A code of one symbol.
    fn single(&mut self, symbol: usize) {
        self.write(0b01, 2);
        if symbol < 2 {
            self.write(symbol << 1, 2);
        } else {
            self.write(symbol << 1 | 1, 9);
        }
    }

    /// A code whose first `symbols` symbols have codes of `length` bits.
    fn equal(&mut self, length: usize, symbols: usize) {
        // The code for lengths contains only that length, so that each takes no bits.
        let order = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11];
        self.write(0, 1);
        self.write(order.len() - 4, 4);
        for listed in order {
            self.write(usize::from(listed == length), 3);
        }
        // The number of coded lengths, in twelve bits.
        self.write(1, 1);
        self.write(5, 3);
        self.write(symbols - 2, 12);
    }
}
