//! A list of floats that is resolved in one step and stays packed until the response is serialized.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use bytes::Bytes;
use serde::{Serialize, Serializer};

/// `[Float!]!` as the little-endian bytes of its `f64`s. A `Vec<f64>` would be resolved element by element, each with a
/// future and a path of its own, which would take most of the time of reading encodings.
pub(in crate::graphql) struct Numbers(pub(in crate::graphql) Bytes);

impl OutputType for Numbers {
    fn type_name() -> Cow<'static, str> {
        <Vec<f64> as OutputType>::type_name()
    }

    fn qualified_type_name() -> String {
        <Vec<f64> as OutputType>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Vec<f64> as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        // No other type of the schema resolves to binary, so `Written` can tell it apart.
        Ok(Value::Binary(self.0.clone()))
    }
}

/// Serializes a response value, with packed floats as lists of numbers.
pub struct Written<'response>(pub &'response Value);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Binary(packed) => serializer.collect_seq(unpacked(packed)),
            Value::List(items) => serializer.collect_seq(items.iter().map(Written)),
            Value::Object(fields) => {
                serializer.collect_map(fields.iter().map(|(name, value)| (name.as_str(), Written(value))))
            }
            leaf => leaf.serialize(serializer),
        }
    }
}

fn unpacked(packed: &[u8]) -> impl Iterator<Item = f64> {
    packed.as_chunks().0.iter().map(|number| f64::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use async_graphql::{Name, indexmap::IndexMap};

    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_wherever_they_stand() {
        let packed = [0.1, -2.0, f64::NAN].iter().flat_map(|number: &f64| number.to_le_bytes());
        let packed = Value::Binary(packed.collect());
        let fields = IndexMap::from([
            (Name::new("vector"), packed.clone()),
            (Name::new("all"), Value::List(vec![packed, Value::Null])),
            (Name::new("name"), Value::from("\"a\"")),
        ]);
        let written = serde_json::to_string(&Written(&Value::Object(fields))).unwrap();
        let expected = r#"{"vector":[0.1,-2.0,null],"all":[[0.1,-2.0,null],null],"name":"\"a\""}"#;
        assert_eq!(written, expected);
    }
}
