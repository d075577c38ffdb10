//! Reads lines from an untrusted or truncated source.

use std::io::{BufRead, ErrorKind, Read};

use serde::de::DeserializeOwned;

use super::TransferError;
use crate::parsing::exact_numbers::{Fate, Part, Shown, Step, json_tokens, walk};
use crate::store::metadata::MetadataError;

/// Maximum length of a line. A person with a hundred faces of 512 values takes less than half a megabyte.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// Reads and counts the lines of a source, and holds one line at a time.
pub(super) struct Lines<R> {
    source: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// Reads the lines of `source`.
    pub(super) fn new(source: R) -> Self {
        Self { source, line: Vec::new(), number: 0 }
    }

    /// The number of the last line read, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The size of the last line read, in bytes.
    pub(super) fn byte_size(&self) -> usize {
        self.line.len()
    }

    /// Parses the next line; `None` at the end of the source.
    ///
    /// # Errors
    /// [`TransferError::Line`] when the line is too long or malformed, [`TransferError::CutOff`] when the source ends
    /// within it.
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
        if let Some(reason) = self.changed_by_parsing() {
            return Err(self.wrong(reason));
        }
        match serde_json::from_slice(&self.line) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_eof() && !self.line.ends_with(b"\n") => {
                Err(TransferError::CutOff { line: self.number })
            }
            Err(error) => Err(self.wrong(error.to_string().replace(" at line 1 column ", " at column "))),
        }
    }

    /// Why storing the line would change its numbers, if it would. Numbers in fields that are not stored do not matter.
    fn changed_by_parsing(&self) -> Option<String> {
        let mut reason = None;
        walk(&mut json_tokens(&self.line), |path, part| {
            let is_metadata = path.first().is_some_and(|step| step.is_to("metadata"));
            match part {
                Part::Number(written) if is_metadata && Fate::of(written) != Fate::Kept => {
                    let path = Shown(path);
                    reason = Some(format!("{path}: the number {written} would not be kept as it is written"));
                }
                Part::Key if path.last().is_some_and(Step::is_reserved) => {
                    reason = Some(MetadataError::ReservedKey.to_string());
                }
                _ => {}
            }
        });
        reason
    }

    /// An error about the last line read.
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
    fn metadata_that_would_not_be_kept_as_it_is_written_is_refused() {
        let read = |line: &str| {
            Lines::new(line.as_bytes()).read::<serde_json::Value>().map_err(|error| error.to_string())
        };
        read(r#"{"metadata": {"a": 1.50}, "quality": {"a": 0.30000000000000001}}"#).unwrap();
        let refused = read(r#"{"metadata": {"a": [1, 18446744073709551617]}}"#).unwrap_err();
        assert!(refused.contains("metadata.a.1: the number 18446744073709551617"), "{refused}");
        let refused = read(r#"{"metadata": {"$serde_json::private::RawValue": "[1]"}}"#).unwrap_err();
        assert!(refused.contains("no keys that begin with"), "{refused}");
    }

    #[test]
    fn a_mistake_is_told_from_a_cut() {
        let mut lines = Lines::new(&b"1\n{oh\n{\"a\": "[..]);
        assert_eq!(lines.read::<u8>().unwrap(), Some(1));
        assert!(matches!(lines.read::<serde_json::Value>(), Err(TransferError::Line { line: 2, .. })));
        assert!(matches!(lines.read::<serde_json::Value>(), Err(TransferError::CutOff { line: 3 })));
    }
}
