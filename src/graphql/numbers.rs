//! A list of numbers, resolved in one step.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, Number, OutputType, Positioned, ServerResult, Value};

/// `[Float!]!`. A `Vec<f64>` would be resolved element by element, each with a future and a path of its own,
/// which makes up most of the time of reading encodings.
pub(super) struct Numbers(pub(super) Vec<f64>);

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
        let number = |number: &f64| Number::from_f64(*number).map_or(Value::Null, Value::Number);
        Ok(Value::List(self.0.iter().map(number).collect()))
    }
}
