//! Measures JSON while it arrives, before anything is parsed: what is parsed takes many times the room of its text, and a
//! parser recurses at each bracket.

use memchr::memchr2;

use super::refusal::Refusal;
use crate::config::{Setting, Settings};
use crate::exact::EXACT_CHARACTERS;
use crate::graphql::ErrorCode;

/// How deep lists and objects may be nested. What recurses over a value takes some hundred bytes of stack a level.
const MAX_LEVELS: usize = 100;

/// A string of which no more than this counts as JSON: the rest of it is an image in base64.
const IMAGE_BYTES: usize = 1 << 10;

/// What a request may hold.
#[derive(Clone, Copy, Debug)]
pub struct JsonLimits {
    /// Bytes of all.
    pub request_bytes: usize,
    /// Bytes without those of images in base64.
    pub bytes: usize,
    /// Values, each of which takes room of its own.
    pub values: usize,
}

impl JsonLimits {
    /// What the settings say, for requests of at most `request_bytes`.
    pub(super) fn read(settings: &mut Settings, request_bytes: usize) -> Self {
        let bytes = Setting {
            name: "FACEQL_MAX_JSON_BYTES",
            about: "Most bytes of JSON in a request, not counting images in base64, which FACEQL_MAX_REQUEST_BYTES \
                    alone bounds.",
        };
        let values = Setting {
            name: "FACEQL_MAX_JSON_VALUES",
            about: "Most values in a request's JSON: each takes many times the room of its text.",
        };
        Self {
            request_bytes,
            bytes: settings.number(bytes, 1 << 20, 65_536..=67_108_864),
            values: settings.number(values, 20_000, 1000..=1_000_000),
        }
    }
}

/// Measures one JSON text.
pub(super) struct Meter {
    limits: JsonLimits,
    all_bytes: usize,
    bytes: usize,
    values: usize,
    levels: usize,
    place: Place,
    may_change: bool,
}

/// Where in a text the next byte is.
enum Place {
    Outside,
    /// In a number, behind so many characters; an exponent counts as too many.
    Number(usize),
    /// In a string, behind so many bytes of it.
    String(usize),
    /// The same, behind a backslash.
    Escape(usize),
}

impl Meter {
    pub(super) fn new(limits: JsonLimits) -> Self {
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
    pub(super) fn whole(limits: JsonLimits, json: &[u8]) -> Result<Self, Refusal> {
        let mut meter = Self::new(limits);
        meter.read(json)?;
        Ok(meter)
    }

    /// Whether there was a number that parsing may change.
    pub(super) fn may_change(&self) -> bool {
        self.may_change || matches!(self.place, Place::Number(characters) if characters > EXACT_CHARACTERS)
    }

    /// Measures what comes next. Refuses what is too much as soon as it is.
    pub(super) fn read(&mut self, mut json: &[u8]) -> Result<(), Refusal> {
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

    /// The rest of `json` behind the string that it begins within, of which `length` bytes have been read.
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

    /// Counts `more` bytes of a string behind its first `length`.
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
            let message = "the request has more bytes of JSON, besides images in base64, than FACEQL_MAX_JSON_BYTES \
                           allows";
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

    /// The code of the refusal, however the text is cut.
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
        // Brackets in strings are none.
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
