//! The caller's own JSON, kept with what the caller makes here and never read. Used by the domains.

use serde_json::Value;

/// Largest metadata, as compact JSON.
pub const MAX_BYTES: usize = 16_384;

/// More than is kept.
#[derive(Debug, thiserror::Error)]
#[error("metadata has at most {MAX_BYTES} bytes as JSON")]
pub struct TooLarge;

/// The metadata as compact JSON; `null` when there is none.
///
/// # Errors
/// When it is too large.
pub fn compact(metadata: Option<&Value>) -> Result<String, TooLarge> {
    let text = metadata.unwrap_or(&Value::Null).to_string();
    if text.len() > MAX_BYTES { Err(TooLarge) } else { Ok(text) }
}
