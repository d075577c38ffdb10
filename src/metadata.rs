//! The caller's own JSON, kept with what the caller makes here and never read. Used by the domains.

use serde_json::Value;

/// Largest metadata, as compact JSON.
pub const MAX_BYTES: usize = 16_384;

/// How deep lists and objects may be nested in metadata. What is stored is read again by a parser that takes 128 levels,
/// those around the metadata included.
pub const MAX_DEPTH: usize = 64;

/// What is not kept.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MetadataError {
    /// Too many bytes.
    #[error("metadata has at most {MAX_BYTES} bytes as JSON")]
    TooLarge,
    /// Too many levels.
    #[error("metadata has at most {MAX_DEPTH} levels of lists and objects within each other")]
    TooDeep,
    /// Text that not every database can store.
    #[error("metadata must not contain a NUL character (U+0000)")]
    Nul,
    /// A key by which the JSON library marks values of its own: it would be read as something else.
    #[error("metadata has no keys that begin with '{RESERVED_KEYS}'")]
    ReservedKey,
}

/// How keys begin by which `serde_json` marks values of its own.
pub const RESERVED_KEYS: &str = "$serde_json::private::";

/// The metadata as compact JSON; `null` when there is none.
///
/// # Errors
/// When it is too large, is nested too deep, or contains a NUL character or a key that cannot be read again.
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

/// Whether `value` has at most `levels` of lists and objects. Looks no deeper than that.
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

/// Whether any text in `value`, which must not be nested too deep, contains a NUL character.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, field)| name.contains('\0') || has_nul(field)),
        _ => false,
    }
}

/// Whether any key in `value`, which must not be nested too deep, is one that cannot be read again.
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
