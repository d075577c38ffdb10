//! Bits of lossless data, and the prefix codes that they contain.

use super::super::ImageError;
use super::damaged;

/// Bits of the longest code.
const MAX_LENGTH: usize = 15;
/// Codes up to this length are looked up in a table, longer ones in a tree behind it.
const MAX_TABLE_BITS: usize = 10;
const TABLE_ENTRY_BYTES: u64 = 4;
const NODE_BYTES: u64 = 16;

/// The order in which the lengths of the code for lengths are listed.
const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// The stream's bits, the lowest of each byte first.
pub(super) struct Bits<'file> {
    rest: &'file [u8],
    window: usize,
    held: usize,
}

impl<'file> Bits<'file> {
    pub(super) fn new(rest: &'file [u8]) -> Self {
        Self { rest, window: 0, held: 0 }
    }

    /// count: at most 24.
    pub(super) fn read(&mut self, count: usize) -> Result<usize, ImageError> {
        while self.held < count {
            let (&byte, rest) = self.rest.split_first().ok_or_else(damaged)?;
            self.window |= usize::from(byte) << self.held;
            (self.rest, self.held) = (rest, self.held + 8);
        }
        let value = self.window & ((1 << count) - 1);
        (self.window, self.held) = (self.window >> count, self.held - count);
        Ok(value)
    }

    /// Number of bits that have not been read yet.
    pub(super) fn left(&self) -> usize {
        8 * self.rest.len() + self.held
    }

    pub(super) fn flag(&mut self) -> Result<bool, ImageError> {
        Ok(self.read(1)? == 1)
    }
}

/// A canonical prefix code.
pub(super) struct Code {
    /// Number of symbols with codes of each length.
    counts: [usize; MAX_LENGTH + 1],
    /// The symbols, ordered by their codes. A single one takes no bits.
    symbols: Vec<usize>,
}

impl Code {
    /// Reads a code for symbols below `alphabet`.
    pub(super) fn read(bits: &mut Bits<'_>, alphabet: usize) -> Result<Self, ImageError> {
        if bits.flag()? {
            return Self::read_simple(bits, alphabet);
        }
        let mut lengths = [0; ORDER.len()];
        let listed = 4 + bits.read(4)?;
        for &symbol in &ORDER[..listed] {
            lengths[symbol] = bits.read(3)?;
        }
        let code = Self::of_lengths(&lengths)?;
        Self::of_lengths(&code.read_lengths(bits, alphabet)?)
    }

    /// One or two symbols.
    fn read_simple(bits: &mut Bits<'_>, alphabet: usize) -> Result<Self, ImageError> {
        let has_two = bits.flag()?;
        let width = if bits.flag()? { 8 } else { 1 };
        let mut symbols = vec![bits.read(width)?];
        let mut counts = [0; MAX_LENGTH + 1];
        if has_two {
            symbols.push(bits.read(8)?);
            counts[1] = 2;
        }
        if symbols.iter().any(|symbol| *symbol >= alphabet) {
            Err(damaged())
        } else {
            Ok(Self { counts, symbols })
        }
    }

    /// The code with these lengths of the symbols' codes; 0 for symbols without a code.
    fn of_lengths(lengths: &[usize]) -> Result<Self, ImageError> {
        let mut counts = [0; MAX_LENGTH + 1];
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|symbol| lengths[*symbol] > 0).collect();
        symbols.sort_by_key(|symbol| lengths[*symbol]);
        if symbols.len() == 1 {
            return Ok(Self { counts, symbols });
        }
        for symbol in &symbols {
            counts[lengths[*symbol]] += 1;
        }
        let share = |(length, count): (usize, &usize)| count << (MAX_LENGTH - length);
        let is_complete = counts.iter().enumerate().map(share).sum::<usize>() == 1 << MAX_LENGTH;
        if is_complete { Ok(Self { counts, symbols }) } else { Err(damaged()) }
    }

    /// The lengths of another code, which are coded by this one.
    fn read_lengths(&self, bits: &mut Bits<'_>, alphabet: usize) -> Result<Vec<usize>, ImageError> {
        let mut left = alphabet;
        if bits.flag()? {
            let width = 2 + 2 * bits.read(3)?;
            left = 2 + bits.read(width)?;
        }
        let (mut lengths, mut last) = (Vec::with_capacity(alphabet), 8);
        while left > 0 && lengths.len() < alphabet {
            left -= 1;
            let (length, times) = match self.symbol(bits)? {
                16 => (last, 3 + bits.read(2)?),
                17 => (0, 3 + bits.read(3)?),
                18 => (0, 11 + bits.read(7)?),
                length => (length, 1),
            };
            last = if length == 0 { last } else { length };
            lengths.resize(lengths.len() + times, length);
        }
        if lengths.len() > alphabet {
            return Err(damaged());
        }
        lengths.resize(alphabet, 0);
        Ok(lengths)
    }

    /// Reads a symbol.
    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Result<usize, ImageError> {
        if let [only] = self.symbols[..] {
            return Ok(only);
        }
        let (mut code, mut first, mut passed) = (0, 0, 0);
        for count in &self.counts[1..] {
            code = code << 1 | bits.read(1)?;
            first <<= 1;
            if code < first + count {
                return self.symbols.get(passed + code - first).copied().ok_or_else(damaged);
            }
            (first, passed) = (first + count, passed + count);
        }
        Err(damaged())
    }

    /// The size of the decoder's tables for it.
    pub(super) fn table_bytes(&self) -> u64 {
        let Some(longest) = self.counts.iter().rposition(|count| *count > 0) else { return 0 };
        let in_tree: usize = self.counts[MAX_TABLE_BITS + 1..].iter().sum();
        // A code of two symbols has a tree as well.
        let nodes = if longest == 1 { 3 } else { 2 * in_tree as u64 };
        (TABLE_ENTRY_BYTES << longest.min(MAX_TABLE_BITS)) + NODE_BYTES * nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_from_the_lowest() {
        let mut bits = Bits::new(&[0x9C, 0x41, 0xE1]);
        let read = [3, 2, 6, 10, 3].map(|count| bits.read(count).ok());
        assert_eq!(read, [4, 3, 12, 40, 7].map(Some));
        assert!(bits.read(1).is_err());
    }

    #[test]
    fn shorter_codes_come_first_and_equal_ones_in_the_order_of_their_symbols() {
        let code = Code::of_lengths(&[2, 0, 1, 2]).ok().unwrap();
        // 0, then 10, then 11, each from its first bit.
        let mut bits = Bits::new(&[0b11010]);
        let symbols = [(); 3].map(|()| code.symbol(&mut bits).ok());
        assert_eq!(symbols, [2, 0, 3].map(Some));
    }

    #[test]
    fn code_that_leaves_bits_without_a_symbol_or_has_two_for_some_is_refused() {
        for lengths in [&[0, 0][..], &[2, 2, 2], &[1, 1, 1], &[1; 4]] {
            assert!(Code::of_lengths(lengths).is_err(), "{lengths:?}");
        }
    }

    #[test]
    fn tables_grow_with_the_longest_code_and_trees_with_the_symbols_beyond_them() {
        assert_eq!(Code::of_lengths(&[0, 7]).ok().unwrap().table_bytes(), 0);
        assert_eq!(Code::of_lengths(&[1, 1]).ok().unwrap().table_bytes(), 8 + 48);
        assert_eq!(Code::of_lengths(&[11; 2048]).ok().unwrap().table_bytes(), 4096 + 2 * 16 * 2048);
    }
}
