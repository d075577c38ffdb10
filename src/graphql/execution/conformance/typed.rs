//! Objects that carry their type in the response, for [`super::completion`].

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection};
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value};

/// The key under which an object carries its type. No field or alias can have this name.
pub(super) const TYPE_KEY: &str = "";

/// An object of an interface or union type. Its concrete type determines which fragments apply to it.
pub(in crate::graphql) struct Typed<T>(pub(in crate::graphql) T);

impl<T: OutputType> OutputType for Typed<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn qualified_type_name() -> String {
        T::qualified_type_name()
    }

    fn introspection_type_name(&self) -> Cow<'static, str> {
        self.0.introspection_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        context: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let value = self.0.resolve(context, field).await?;
        let is_field = |selection: &Positioned<Selection>| matches!(selection.node, Selection::Field(_));
        if context.item.node.items.iter().all(is_field) {
            return Ok(value);
        }
        // async-graphql makes an object without fields null.
        let mut fields = if let Value::Object(fields) = value { fields } else { IndexMap::new() };
        let type_name = self.introspection_type_name().into_owned();
        fields.insert(Name::new(TYPE_KEY), Value::String(type_name));
        Ok(Value::Object(fields))
    }
}
