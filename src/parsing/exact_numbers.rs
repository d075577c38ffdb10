//! Finds numbers whose value parsing would change because 64 bits cannot represent it, and their paths. Works on
//! tokens, without recursion. Called by [`crate::graphql`], [`crate::http`] and [`crate::people`].

use std::borrow::Cow;
use std::fmt;
use std::iter::Peekable;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::Number;

use super::lexer::{Token, Tokens};
use crate::store::metadata::RESERVED_KEYS;

/// A number of at most this many characters without an exponent has at most 15 digits, which 64 bits represent exactly.
pub(crate) const EXACT_CHARACTERS: usize = 15;

/// What parsing does to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It keeps its value, though perhaps not its notation.
    Kept,
    /// It is rounded to the nearest representable number.
    Changed,
    /// It is out of range.
    Lost,
}

impl Fate {
    /// The fate of a number in the notation of JSON and GraphQL.
    pub(crate) fn of(written: &str) -> Self {
        if !may_change(written.as_bytes()) {
            return Self::Kept;
        }
        match Number::from_str(written) {
            Err(_) => Self::Lost,
            Ok(parsed) if Decimal::of(&parsed.to_string()) == Decimal::of(written) => Self::Kept,
            Ok(_) => Self::Changed,
        }
    }
}

/// Whether a number may change when parsed, so that its fate must be determined.
fn may_change(number: &[u8]) -> bool {
    number.len() > EXACT_CHARACTERS || number.iter().any(|byte| matches!(byte, b'e' | b'E'))
}

/// The value of a number: its digits without leading and trailing zeros, and the power of ten of the last digit.
#[derive(PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    /// `None` when it overflows.
    power: Option<i64>,
}

impl Decimal {
    fn of(written: &str) -> Self {
        let (mantissa, exponent) = written.split_once(['e', 'E']).unwrap_or((written, "0"));
        let (is_negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(mantissa) => (true, mantissa),
            None => (false, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        let kept = all.trim_end_matches('0');
        let digits = kept.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            // Zero and negative zero are equal, whatever their exponent.
            return Self { is_negative: false, digits, power: Some(0) };
        }
        let trailing = i64::try_from(all.len() - kept.len()).ok();
        let fraction = i64::try_from(fraction.len()).ok();
        let exponent = exponent.parse::<i64>().ok();
        let power = exponent.zip(trailing).zip(fraction).and_then(|((exponent, trailing), fraction)| {
            exponent.checked_add(trailing)?.checked_sub(fraction)
        });
        Self { is_negative, digits, power }
    }
}

/// One step of the path into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A key of an object; `None` until it is read.
    Key(Option<Arc<str>>),
    /// An index in a list.
    Index(usize),
}

impl Step {
    /// Whether this step leads to the field with this name.
    pub(crate) fn is_to(&self, field: &str) -> bool {
        matches!(self, Self::Key(Some(key)) if **key == *field)
    }

    /// Whether this step leads to a field whose name the parser reserves for its own markers.
    pub(crate) fn is_reserved(&self) -> bool {
        matches!(self, Self::Key(Some(key)) if key.starts_with(RESERVED_KEYS))
    }
}

/// Formats a path as `input.metadata.order.0`.
pub(crate) struct Shown<'path>(pub(crate) &'path [Step]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            if place > 0 {
                formatter.write_str(".")?;
            }
            match step {
                Step::Key(key) => formatter.write_str(key.as_deref().unwrap_or_default())?,
                Step::Index(index) => write!(formatter, "{index}")?,
            }
        }
        Ok(())
    }
}

/// A part of a value that [`walk`] reports.
pub(crate) enum Part<'text> {
    Number(&'text str),
    /// The name of a variable.
    Variable(&'text str),
    Key,
}

/// Walks the next value of `tokens` and calls `tell` with the path and each part.
pub(crate) fn walk<'text>(
    tokens: &mut Peekable<impl Iterator<Item = Token<'text>>>,
    mut tell: impl FnMut(&[Step], Part<'text>),
) {
    let mut path = Vec::new();
    while let Some(token) = tokens.next() {
        match (token.first(), path.last_mut()) {
            (b'}' | b']', _) => {
                path.pop();
            }
            (_, Some(Step::Key(key @ None))) => {
                *key = Some(key_in(token).into());
                tell(&path, Part::Key);
                // Skips the colon.
                tokens.next();
                continue;
            }
            (b'{', _) => {
                path.push(Step::Key(None));
                continue;
            }
            (b'[', _) => {
                path.push(Step::Index(0));
                continue;
            }
            (b'$', _) => {
                let name = tokens.next().map(|name| name.text()).unwrap_or_default();
                tell(&path, Part::Variable(name));
            }
            _ if token.is_number() => tell(&path, Part::Number(token.text())),
            _ => {}
        }
        // A value has ended: advance to the next one of the same list or object.
        match path.last_mut() {
            None => return,
            Some(Step::Key(key)) => *key = None,
            Some(Step::Index(index)) => *index += 1,
        }
    }
}

/// The tokens of a JSON text.
pub(crate) fn json_tokens(json: &[u8]) -> Peekable<impl Iterator<Item = Token<'_>>> {
    Tokens::of(json).flatten().peekable()
}

/// A key in the notation of GraphQL (a name) or JSON (a string).
fn key_in(token: Token<'_>) -> Cow<'_, str> {
    if token.first() != b'"' {
        return Cow::Borrowed(token.text());
    }
    serde_json::from_slice(token.bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_when_its_value_is() {
        for kept in [
            "0",
            "-0",
            "-0.0",
            "1",
            "1.0",
            "1.000000000000000000000000",
            "1e2",
            "100e-2",
            "0.1",
            "-12.5e+3",
            "9007199254740993",
            "18446744073709551615",
            "-9223372036854775808",
            "1e22",
            "1E22",
            "10000000000000000000000",
            "0.30000000000000004",
            "0e999",
            "1.7976931348623157e308",
            "5e-324",
        ] {
            assert_eq!(Fate::of(kept), Fate::Kept, "{kept}");
        }
        for changed in [
            "18446744073709551616.5",
            "18446744073709551617",
            "-9223372036854775809",
            "1e-400",
            "0.1000000000000000055511151231257827",
            "3.14159265358979323846",
            "10000000000000000000001",
            "0.30000000000000001",
            "123456789012345678.9",
        ] {
            assert_eq!(Fate::of(changed), Fate::Changed, "{changed}");
        }
        for lost in ["1e400", "-1e309", "1e99999999999999999999"] {
            assert_eq!(Fate::of(lost), Fate::Lost, "{lost}");
        }
    }

    fn numbers(text: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        walk(&mut json_tokens(text.as_bytes()), |path, part| match part {
            Part::Number(number) => found.push((Shown(path).to_string(), number.to_owned())),
            Part::Variable(name) => found.push((Shown(path).to_string(), format!("${name}"))),
            Part::Key => {}
        });
        found
    }

    #[test]
    fn each_number_is_told_with_the_way_to_it_in_json_and_in_graphql() {
        let expected = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(path, number)| ((*path).to_owned(), (*number).to_owned())).collect()
        };
        let json = r#"{"a": 1, "b": {"c\u0064": [[], {}, "x", [true, 2.5], {"e": null, "": 3}]}, "f": -4} 5"#;
        let pairs = [("a", "1"), ("b.cd.3.1", "2.5"), ("b.cd.4.", "3"), ("f", "-4")];
        assert_eq!(numbers(json), expected(&pairs));
        let graphql = "{a: 1 b: {c: [$v, X, \"y\" 2 {d: $w}]}} {z: 9}";
        let pairs = [("a", "1"), ("b.c.0", "$v"), ("b.c.3", "2"), ("b.c.4.d", "$w")];
        assert_eq!(numbers(graphql), expected(&pairs));
        assert_eq!(numbers("7"), expected(&[("", "7")]));
        for cut in ["{", "[1", "{a", "{a:", "]", "", "{\"a\": {", "$"] {
            numbers(cut);
        }
    }

    #[test]
    fn a_walk_does_not_recurse() {
        let deep = format!("{}1", "[".repeat(100_000));
        let walking = move || numbers(&deep).len();
        let worker = std::thread::Builder::new().stack_size(64 << 10);
        assert_eq!(worker.spawn(walking).unwrap().join().unwrap(), 1);
    }
}
