//! Measures the text of a document before it is parsed.

use crate::parsing::lexer::{EndlessBlock, Tokens};

/// The size of a document's text.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Measure {
    pub(super) tokens: usize,
    /// Maximum nesting of brackets of all kinds, since parsers recurse at each.
    pub(super) nesting: usize,
    /// Bytes of the longest name.
    pub(super) name_bytes: usize,
}

impl Measure {
    /// Measures `text`; stops after the first token above `limit`.
    pub(super) fn of(text: &str, limit: usize) -> Result<Self, EndlessBlock> {
        let (mut measure, mut open) = (Self::default(), 0_usize);
        for token in Tokens::of(text.as_bytes()) {
            let token = token?;
            match token.first() {
                b'{' | b'[' | b'(' => open += 1,
                b'}' | b']' | b')' => open = open.saturating_sub(1),
                _ if token.is_name() => measure.name_bytes = measure.name_bytes.max(token.bytes.len()),
                _ => {}
            }
            measure.nesting = measure.nesting.max(open);
            measure.tokens += 1;
            if measure.tokens > limit {
                break;
            }
        }
        Ok(measure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_as_the_grammar_has_them() {
        for (text, expected) in [
            ("", 0),
            ("{ a }", 3),
            ("query($a:Int!=1){a(b:$a)@c} # end", 21),
            ("{ a(b: \"x y { }\") }", 8),
            ("{ a(b: -1.5e-3) }", 8),
            (" , ,\n", 0),
            // Escaped quotes do not end a string, and an escaped backslash does not escape a quote.
            (r#""\"" {{{"#, 4),
            (r#""a\\" {{{"#, 4),
            (r#""a\\\" {{{" {"#, 2),
            (r#""" {{{"#, 4),
            ("\"\"\" a \"b\" { \"\" \\\"\"\" { \n \"\"\" {{{", 4),
            ("\"\"\"\"\"\" {{{", 4),
            // An unterminated string ends with its line.
            ("\"a {{{", 1),
            ("\"a {{{\n{{{", 4),
            ("\"a\\\n{{{", 4),
            ("\"", 1),
            ("\"\\", 1),
        ] {
            assert_eq!(Measure::of(text, 100).map(|measure| measure.tokens), Ok(expected), "{text}");
        }
        for endless in ["\"\"\"", "{ \"\"\"a\" }", "\"\"\"\\\"\"\" {", "\"\"\"\"\"", "\"\\\"\"\"\"\"a\""] {
            assert_eq!(Measure::of(endless, 100), Err(EndlessBlock), "{endless}");
        }
        let hidden = format!("{{ a(b: \"\\\"\") {} \"", "{".repeat(1000));
        assert_eq!(Measure::of(&hidden, 100).map(|measure| measure.tokens), Ok(101));
        assert_eq!(Measure::of(&"{".repeat(1000), 10).map(|measure| measure.tokens), Ok(11));
    }

    #[test]
    fn nesting_is_that_of_all_brackets_together_and_none_of_strings_or_comments() {
        for (text, expected) in [
            ("", 0),
            ("{ a b { c } }", 2),
            ("{ a(b: [{c: [[1]]}]) { d } }", 6),
            ("query($a: [[Int]] = [[1]]) { a }", 3),
            ("{ a(b: \"[[[[\") # [[[[\n }", 2),
            ("]]]]{", 1),
        ] {
            assert_eq!(Measure::of(text, 100).map(|measure| measure.nesting), Ok(expected), "{text}");
        }
    }

    #[test]
    fn the_longest_name_is_none_of_a_string_or_a_comment() {
        for (text, expected) in [
            ("", 0),
            ("query Containers { a _bcd }", 10),
            ("{ a(b: \"a_long_string\", c: 12345678) } # a_long_comment", 1),
            ("query($variable: Int)@skip", 8),
        ] {
            assert_eq!(Measure::of(text, 100).map(|measure| measure.name_bytes), Ok(expected), "{text}");
        }
    }
}
