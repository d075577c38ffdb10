//! Inspects text from clients before it is parsed: its tokens, and the numbers that parsing would change.

pub(crate) mod exact_numbers;
pub(crate) mod lexer;
