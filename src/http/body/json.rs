//! Measures JSON while it arrives, before it is parsed: parsed values take many times the memory of their text, and a
//! parser recurses at each bracket.

use memchr::memchr2;

use crate::graphql::ErrorCode;
use crate::http::graphql::refusal::Refusal;
use crate::parsing::exact_numbers::EXACT_CHARACTERS;
use crate::settings::section;

/// Maximum nesting of lists and objects. Recursion over a value takes a few hundred bytes of stack per level.
const MAX_LEVELS: usize = 100;

/// The bytes of a string that count as JSON; the rest of a longer string is assumed to be an image in base64.
const IMAGE_BYTES: usize = 1 << 10;

/// Limits on a request's JSON.
#[derive(Clone, Copy, Debug)]
pub struct JsonLimits {
    /// Maximum total bytes.
    pub request_bytes: usize,
    /// Maximum bytes without images in base64.
    pub bytes: usize,
    /// Maximum number of values, each of which is allocated separately.
    pub values: usize,
}

section! {
    /// Limits on a request's JSON.
    #[derive(Clone, Copy, Debug)]
    pub struct JsonConfig {
        /// Bytes of JSON in a request, not counting images in base64, which only `FACEQL_MAX_REQUEST_BYTES` bounds.
        pub bytes: usize = number("FACEQL_MAX_JSON_BYTES", 1 << 20, 65_536..=67_108_864),
        /// Values in a request's JSON. In memory, each takes many times the size of its text.
        pub values: usize = number("FACEQL_MAX_JSON_VALUES", 20_000, 1000..=1_000_000),
    }
}

/// Measures one JSON text.
pub(in crate::http) struct Meter {
    limits: JsonLimits,
    all_bytes: usize,
    bytes: usize,
    values: usize,
    levels: usize,
    place: Place,
    may_change: bool,
}

/// The position of the next byte in the text.
enum Place {
    Outside,
    /// In a number, after this many characters; an exponent counts as more than [`EXACT_CHARACTERS`].
    Number(usize),
    /// In a string, after this many bytes.
    String(usize),
    /// In a string, after this many bytes and a backslash.
    Escape(usize),
}

impl Meter {
    pub(in crate::http) fn new(limits: JsonLimits) -> Self {
        Self {
            limits,
            all_bytes: 0,
            bytes: 0,
            values: 0,
            levels: 0,
            place: Place::Outside,
            may_change: false,
        }
    }

    /// Measures all of `json`.
    pub(in crate::http) fn whole(limits: JsonLimits, json: &[u8]) -> Result<Self, Refusal> {
        let mut meter = Self::new(limits);
        meter.read(json)?;
        Ok(meter)
    }

    /// Whether the text contained a number that parsing may change.
    pub(in crate::http) fn may_change(&self) -> bool {
        self.may_change || matches!(self.place, Place::Number(characters) if characters > EXACT_CHARACTERS)
    }

    /// Measures the next piece of the text. Fails as soon as a limit is exceeded.
    pub(in crate::http) fn read(&mut self, mut json: &[u8]) -> Result<(), Refusal> {
        self.all_bytes = self.all_bytes.saturating_add(json.len());
        if self.all_bytes > self.limits.request_bytes {
            return Err(too_much("the request has more bytes than FACEQL_MAX_REQUEST_BYTES allows"));
        }
        while let Some((byte, behind)) = json.split_first() {
            json = match self.place {
                Place::String(length) => self.string(json, length),
                Place::Escape(length) => {
                    self.place = Place::String(length + 1);
                    self.count(1, length);
                    behind
                }
                Place::Outside | Place::Number(_) => {
                    self.structure(*byte)?;
                    behind
                }
            };
            self.check()?;
        }
        Ok(())
    }

    /// Reads within a string of which `length` bytes have been read. Returns the rest of `json` after it.
    fn string<'json>(&mut self, json: &'json [u8], length: usize) -> &'json [u8] {
        let end = memchr2(b'"', b'\\', json).unwrap_or(json.len());
        self.count(end, length);
        let (_, rest) = json.split_at(end);
        let Some((delimiter, rest)) = rest.split_first() else {
            self.place = Place::String(length + end);
            return rest;
        };
        self.count(1, length + end);
        self.place = if *delimiter == b'"' { Place::Outside } else { Place::Escape(length + end + 1) };
        rest
    }

    /// Counts `more` bytes of a string after its first `length`.
    fn count(&mut self, more: usize, length: usize) {
        self.bytes += IMAGE_BYTES.saturating_sub(length).min(more);
    }

    fn structure(&mut self, byte: u8) -> Result<(), Refusal> {
        self.bytes += 1;
        if let Place::Number(characters) = self.place {
            let more = match byte {
                b'0'..=b'9' | b'.' | b'+' | b'-' => 1,
                b'e' | b'E' => EXACT_CHARACTERS + 1,
                _ => 0,
            };
            if more > 0 {
                self.place = Place::Number(characters.saturating_add(more));
                return Ok(());
            }
            self.may_change |= characters > EXACT_CHARACTERS;
            self.place = Place::Outside;
        }
        match byte {
            b'"' => self.place = Place::String(0),
            b'-' | b'0'..=b'9' => self.place = Place::Number(1),
            b',' => self.values += 1,
            b'[' | b'{' => {
                (self.values, self.levels) = (self.values + 1, self.levels + 1);
                if self.levels > MAX_LEVELS {
                    let message = format!("the JSON has more than {MAX_LEVELS} levels of lists and objects");
                    return Err(Refusal::new(ErrorCode::BadUserInput, message));
                }
            }
            b']' | b'}' => self.levels = self.levels.saturating_sub(1),
            _ => {}
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.bytes > self.limits.bytes {
            let message = "the request has more bytes of JSON, not counting images in base64, than \
                           FACEQL_MAX_JSON_BYTES allows";
            return Err(too_much(message));
        }
        if self.values > self.limits.values {
            return Err(too_much("the request's JSON has more values than FACEQL_MAX_JSON_VALUES allows"));
        }
        Ok(())
    }
}

fn too_much(message: &str) -> Refusal {
    Refusal::new(ErrorCode::PayloadTooLarge, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: JsonLimits = JsonLimits { request_bytes: 100_000, bytes: 10_000, values: 1000 };

    /// The code of the refusal, which must not depend on how the text is split.
    fn refusal(json: &str) -> Option<ErrorCode> {
        let whole = Meter::whole(LIMITS, json.as_bytes()).err().map(|refusal| refusal.code());
        let mut meter = Meter::new(LIMITS);
        let by_bytes = json.as_bytes().chunks(1).find_map(|byte| meter.read(byte).err());
        assert_eq!(by_bytes.map(|refusal| refusal.code()), whole);
        whole
    }

    #[test]
    fn an_image_counts_as_such_and_all_else_as_json() {
        let (image, text) = ("A".repeat(90_000), "A".repeat(1000));
        assert_eq!(refusal(&format!(r#"{{"a": "{image}"}}"#)), None);
        assert_eq!(refusal(&format!(r#"{{"a": "{image}{image}"}}"#)), Some(ErrorCode::PayloadTooLarge));
        assert_eq!(refusal(&format!("[{}]", vec![format!("\"{text}\""); 9].join(","))), None);
        let eleven = format!("[{}]", vec![format!("\"{text}\""); 11].join(","));
        assert_eq!(refusal(&eleven), Some(ErrorCode::PayloadTooLarge));
        assert_eq!(refusal(&" ".repeat(10_001)), Some(ErrorCode::PayloadTooLarge));
    }

    #[test]
    fn values_and_levels_are_bounded() {
        let list = |values: usize| format!("[{}]", vec!["1"; values].join(","));
        assert_eq!(refusal(&list(1000)), None);
        assert_eq!(refusal(&list(1002)), Some(ErrorCode::PayloadTooLarge));
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(refusal(&deep(MAX_LEVELS)), None);
        assert_eq!(refusal(&deep(MAX_LEVELS + 1)), Some(ErrorCode::BadUserInput));
        assert_eq!(refusal(&"[".repeat(10 * MAX_LEVELS)), Some(ErrorCode::BadUserInput));
        assert_eq!(refusal(&format!("[{}]", vec![deep(9); 50].join(","))), None);
        // Brackets within strings do not nest.
        assert_eq!(refusal(&format!(r#"["\"{}"]"#, "[".repeat(900))), None);
        assert_eq!(refusal(&format!(r#"["\\",{}"#, "[".repeat(900))), Some(ErrorCode::BadUserInput));
    }

    #[test]
    fn numbers_that_parsing_may_change_are_noticed() {
        for (json, expected) in [
            ("[1, 2.5, true, false, \"1e400\"]", false),
            ("[123456789012345]", false),
            ("[1234567890123456]", true),
            ("{\"a\":1e4}", true),
            ("1E4", true),
            ("12345678901234567890", true),
        ] {
            assert_eq!(Meter::whole(LIMITS, json.as_bytes()).unwrap().may_change(), expected, "{json}");
        }
    }
}
