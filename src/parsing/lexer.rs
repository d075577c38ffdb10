//! Splits GraphQL and JSON text into tokens without recursion, so that input can be checked before it reaches a
//! recursive parser. Called by [`crate::graphql`] and [`super::exact_numbers`].

/// A name, a number, a string with its quotes, or a single byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'text> {
    /// Byte offset in the text.
    pub(crate) start: usize,
    /// Never empty.
    pub(crate) bytes: &'text [u8],
}

impl<'text> Token<'text> {
    /// The first byte, which determines the kind of token.
    pub(crate) fn first(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self.bytes, [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..])
    }

    pub(crate) fn is_name(&self) -> bool {
        self.first().is_ascii_alphabetic() || self.first() == b'_'
    }

    /// The token as text; empty when it is not valid UTF-8.
    pub(crate) fn text(&self) -> &'text str {
        std::str::from_utf8(self.bytes).unwrap_or_default()
    }
}

/// A block string is not terminated. A parser would read it as two strings and search for the end again at each start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EndlessBlock;

/// The tokens of a text, without white space, commas and comments. An unterminated string ends at the end of its line.
#[derive(Clone)]
pub(crate) struct Tokens<'text> {
    text: &'text [u8],
    at: usize,
}

/// The delimiter of block strings.
const BLOCK_QUOTES: &[u8] = b"\"\"\"";

impl<'text> Tokens<'text> {
    pub(crate) fn of(text: &'text [u8]) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'text [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_what_means_nothing(&mut self) {
        loop {
            self.at += length_while(self.rest(), |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b','));
            if self.rest().first() != Some(&b'#') {
                return;
            }
            self.at += length_while(self.rest(), |byte| !matches!(byte, b'\n' | b'\r'));
        }
    }
}

impl<'text> Iterator for Tokens<'text> {
    type Item = Result<Token<'text>, EndlessBlock>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_what_means_nothing();
        let (start, rest) = (self.at, self.rest());
        let length = match length(rest)? {
            Ok(length) => length.min(rest.len()),
            Err(endless) => {
                self.at = self.text.len();
                return Some(Err(endless));
            }
        };
        self.at += length;
        Some(Ok(Token { start, bytes: rest.get(..length).unwrap_or_default() }))
    }
}

/// The length of the token at the start of `text`; `None` at the end of the text.
fn length(text: &[u8]) -> Option<Result<usize, EndlessBlock>> {
    let (first, behind) = text.split_first()?;
    let length = match first {
        b'"' => match text.strip_prefix(BLOCK_QUOTES) {
            Some(content) => match end_of_block(content) {
                Some(end) => BLOCK_QUOTES.len() + end,
                None => return Some(Err(EndlessBlock)),
            },
            None => 1 + end_of_string(behind),
        },
        b'-' | b'0'..=b'9' => length_of_number(text),
        _ => length_while(text, is_of_name),
    };
    Some(Ok(length.max(1)))
}

/// The length of a number: its sign, digits, fraction and exponent, as far as present.
fn length_of_number(text: &[u8]) -> usize {
    let digits =
        |from: usize| length_while(text.get(from..).unwrap_or_default(), |byte| byte.is_ascii_digit());
    let mut end = usize::from(text.first() == Some(&b'-'));
    end += digits(end);
    if text.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        end += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    end
}

/// The length of a string after its opening quote: up to the next unescaped quote, or the end of the line.
fn end_of_string(content: &[u8]) -> usize {
    let mut end = 0;
    while let Some(byte) = content.get(end) {
        match byte {
            b'"' => return end + 1,
            b'\n' | b'\r' => return end,
            b'\\' if !matches!(content.get(end + 1), Some(b'\n' | b'\r')) => end += 2,
            _ => end += 1,
        }
    }
    content.len()
}

/// The length of a block string after its opening quotes: up to the next unescaped delimiter.
fn end_of_block(content: &[u8]) -> Option<usize> {
    let mut end = 0;
    while let Some(rest) = content.get(end..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(BLOCK_QUOTES) {
            return Some(end + BLOCK_QUOTES.len());
        }
        let is_escape = rest.strip_prefix(b"\\").is_some_and(|rest| rest.starts_with(BLOCK_QUOTES));
        end += if is_escape { 1 + BLOCK_QUOTES.len() } else { 1 };
    }
    None
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn length_while(bytes: &[u8], holds: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !holds(*byte)).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<&str> {
        Tokens::of(text.as_bytes()).map(|token| token.unwrap().text()).collect()
    }

    #[test]
    fn numbers_are_one_token_and_end_where_the_grammar_ends_them() {
        for (text, expected) in [
            ("[1-2]", &["[", "1", "-2", "]"][..]),
            ("-0.5e+10,1.5E3", &["-0.5e+10", "1.5E3"]),
            ("1e", &["1", "e"]),
            ("1.x", &["1", ".", "x"]),
            ("a1: 2", &["a1", ":", "2"]),
            ("-", &["-"]),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }

    #[test]
    fn json_is_split_as_well() {
        let json = r#"{"a\"": [1.25, true, "[{"], "": null}"#;
        let expected = ["{", r#""a\"""#, ":", "[", "1.25", "true", r#""[{""#, "]", r#""""#, ":", "null", "}"];
        assert_eq!(tokens(json), expected);
    }

    #[test]
    fn a_token_tells_where_it_begins() {
        let text = "# é\n  { a }";
        for token in Tokens::of(text.as_bytes()).flatten() {
            assert!(text.as_bytes().get(token.start..).unwrap().starts_with(token.bytes));
        }
        assert_eq!(Tokens::of(b"\"\"\" a").next(), Some(Err(EndlessBlock)));
    }
}
