//! Which operation of a document is asked for. When there is none, execution says why.

use async_graphql::parser::types::{DocumentOperations, OperationDefinition};

/// The operation of that name, or without one the only one there is.
#[must_use]
pub fn chosen<'document>(
    operations: &'document DocumentOperations,
    name: Option<&str>,
) -> Option<&'document OperationDefinition> {
    let operation = match (operations, name) {
        // Only one without a name stands alone.
        (DocumentOperations::Single(operation), name) => name.is_none().then_some(operation)?,
        (DocumentOperations::Multiple(several), Some(name)) => several.get(name)?,
        (DocumentOperations::Multiple(several), None) => {
            several.values().next().filter(|_| several.len() == 1)?
        }
    };
    Some(&operation.node)
}

/// The same, to be changed.
pub(super) fn chosen_mut<'document>(
    operations: &'document mut DocumentOperations,
    name: Option<&str>,
) -> Option<&'document mut OperationDefinition> {
    chosen(operations, name)?;
    let operation = match (operations, name) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(several), Some(name)) => several.get_mut(name)?,
        (DocumentOperations::Multiple(several), None) => several.values_mut().next()?,
    };
    Some(&mut operation.node)
}
