//! The caller's own JSON, stored with what the caller creates and not interpreted. Used by the domains.

use serde_json::Value;

/// Maximum size of metadata as compact JSON, in bytes.
pub const MAX_BYTES: usize = 16_384;

/// Maximum nesting of lists and objects in metadata. Stored metadata is read by a parser that allows 128 levels,
/// including those around the metadata.
pub const MAX_DEPTH: usize = 64;

/// Why metadata is rejected.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MetadataError {
    /// The metadata has too many bytes.
    #[error("metadata must have at most {MAX_BYTES} bytes as JSON")]
    TooLarge,
    /// The metadata has too many levels.
    #[error("metadata must have at most {MAX_DEPTH} levels of nested lists and objects")]
    TooDeep,
    /// Text that some databases cannot store.
    #[error("metadata must not contain a NUL character (U+0000)")]
    Nul,
    /// A key that the JSON library uses internally; it would be read back as something else.
    #[error("metadata must have no keys that begin with '{RESERVED_KEYS}'")]
    ReservedKey,
}

/// Prefix of keys that `serde_json` uses internally.
pub const RESERVED_KEYS: &str = "$serde_json::private::";

/// The metadata as compact JSON; `null` if there is none.
///
/// # Errors
/// When the metadata is too large, nested too deeply, or contains a NUL character or a reserved key.
pub fn compact(metadata: Option<&Value>) -> Result<String, MetadataError> {
    let metadata = metadata.unwrap_or(&Value::Null);
    if !is_within(metadata, MAX_DEPTH) {
        return Err(MetadataError::TooDeep);
    }
    if has_nul(metadata) {
        return Err(MetadataError::Nul);
    }
    if has_reserved_key(metadata) {
        return Err(MetadataError::ReservedKey);
    }
    let text = metadata.to_string();
    if text.len() > MAX_BYTES { Err(MetadataError::TooLarge) } else { Ok(text) }
}

/// Whether `value` has at most `levels` levels of lists and objects. Does not descend further than that.
fn is_within(value: &Value, levels: usize) -> bool {
    let below = levels.checked_sub(1);
    match value {
        Value::Array(items) => below.is_some_and(|levels| items.iter().all(|item| is_within(item, levels))),
        Value::Object(fields) => {
            below.is_some_and(|levels| fields.values().all(|field| is_within(field, levels)))
        }
        _ => true,
    }
}

/// Whether any text in `value` contains a NUL character. `value` must not be nested too deeply.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, field)| name.contains('\0') || has_nul(field)),
        _ => false,
    }
}

/// Whether any key in `value` is reserved. `value` must not be nested too deeply.
fn has_reserved_key(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_reserved_key),
        Value::Object(fields) => {
            fields.iter().any(|(key, field)| key.starts_with(RESERVED_KEYS) || has_reserved_key(field))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::Null, |inner, level| {
            if level % 2 == 0 { Value::Array(vec![inner]) } else { serde_json::json!({ "a": inner }) }
        })
    }

    #[test]
    fn levels_are_bounded_and_what_is_kept_can_be_read_again() {
        let kept = compact(Some(&nested(MAX_DEPTH))).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), nested(MAX_DEPTH));
        for levels in [MAX_DEPTH + 1, 10 * MAX_DEPTH] {
            assert_eq!(compact(Some(&nested(levels))), Err(MetadataError::TooDeep), "{levels}");
        }
    }

    #[test]
    fn nul_is_refused_in_names_and_values_but_not_its_escape_sequence_as_text() {
        for text in [r#"{"a": [1, "b\u0000"]}"#, r#"{"a": {"\u0000": 1}}"#, r#""\u0000""#] {
            let metadata: Value = serde_json::from_str(text).unwrap();
            assert_eq!(compact(Some(&metadata)), Err(MetadataError::Nul), "{text}");
        }
        assert!(compact(Some(&Value::String(r"\u0000".into()))).is_ok());
    }
}
