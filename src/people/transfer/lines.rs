//! Lines read from a source that may be anybody's, or cut off.

use std::io::{BufRead, ErrorKind, Read};

use serde::de::DeserializeOwned;

use super::TransferError;

/// Longest line. A person with a hundred faces of 512 values has less than half a megabyte.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// Counts the lines of a source, and holds one of them at a time.
pub(super) struct Lines<R> {
    source: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `source`.
    pub(super) fn new(source: R) -> Self {
        Self { source, line: Vec::new(), number: 0 }
    }

    /// The number of the line that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Size of the line that was read last.
    pub(super) fn byte_size(&self) -> usize {
        self.line.len()
    }

    /// The next line's value; `None` at the end of the source.
    ///
    /// # Errors
    /// [`TransferError::Line`] when it is too long or is something else, [`TransferError::CutOff`] when the source
    /// ends in its middle.
    pub(super) fn read<T: DeserializeOwned>(&mut self) -> Result<Option<T>, TransferError> {
        self.line.clear();
        let mut limited = (&mut self.source).take(MAX_LINE_BYTES as u64 + 1);
        let read = limited.read_until(b'\n', &mut self.line);
        if matches!(read, Ok(0)) {
            return Ok(None);
        }
        self.number += 1;
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(TransferError::CutOff { line: self.number });
            }
            Err(error) => return Err(self.wrong(format!("cannot be read: {error}"))),
        }
        if self.line.len() > MAX_LINE_BYTES {
            return Err(self.wrong(format!("longer than {MAX_LINE_BYTES} bytes")));
        }
        match serde_json::from_slice(&self.line) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_eof() && !self.line.ends_with(b"\n") => {
                Err(TransferError::CutOff { line: self.number })
            }
            Err(error) => Err(self.wrong(error.to_string().replace(" at line 1 column ", " at column "))),
        }
    }

    /// What is wrong with the line that was read last.
    pub(super) fn wrong(&self, reason: String) -> TransferError {
        TransferError::Line { line: self.number, reason }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, repeat};

    use super::*;

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let mut lines = Lines::new(BufReader::new(repeat(b'[')));
        let refused = lines.read::<serde_json::Value>().unwrap_err().to_string();
        assert!(refused.contains("line 1: longer than"), "{refused}");
        assert!(lines.line.capacity() < 4 * MAX_LINE_BYTES);
    }

    #[test]
    fn a_line_nested_ten_times_too_deep_is_refused_on_the_stack_of_a_worker() {
        let line = format!("{}\n", "[".repeat(1280));
        let read = move || {
            Lines::new(line.as_bytes()).read::<serde_json::Value>().map_err(|error| error.to_string())
        };
        let worker = std::thread::Builder::new().stack_size(2 << 20);
        let refused = worker.spawn(read).unwrap().join().unwrap().unwrap_err();
        assert!(refused.contains("recursion limit"), "{refused}");
    }

    #[test]
    fn a_mistake_is_told_from_a_cut() {
        let mut lines = Lines::new(&b"1\n{oh\n{\"a\": "[..]);
        assert_eq!(lines.read::<u8>().unwrap(), Some(1));
        assert!(matches!(lines.read::<serde_json::Value>(), Err(TransferError::Line { line: 2, .. })));
        assert!(matches!(lines.read::<serde_json::Value>(), Err(TransferError::CutOff { line: 3 })));
    }
}
