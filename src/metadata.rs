//! The caller's own JSON, kept with what the caller makes here and never read. Used by the domains.

use serde_json::Value;

/// Largest metadata, as compact JSON.
pub const MAX_BYTES: usize = 16_384;

/// How deep lists and objects may be nested in metadata. What is stored is read again by a parser that takes 128 levels,
/// those around the metadata included.
pub const MAX_DEPTH: usize = 64;

/// More than is kept.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MetadataError {
    /// Too many bytes.
    #[error("metadata has at most {MAX_BYTES} bytes as JSON")]
    TooLarge,
    /// Too many levels.
    #[error("metadata has at most {MAX_DEPTH} levels of lists and objects within each other")]
    TooDeep,
}

/// The metadata as compact JSON; `null` when there is none.
///
/// # Errors
/// When it is too large, or nested too deep.
pub fn compact(metadata: Option<&Value>) -> Result<String, MetadataError> {
    let metadata = metadata.unwrap_or(&Value::Null);
    if !is_within(metadata, MAX_DEPTH) {
        return Err(MetadataError::TooDeep);
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
}
