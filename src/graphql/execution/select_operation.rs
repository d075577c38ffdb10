//! Selects the requested operation of a document. If there is none, execution reports the reason.

use async_graphql::parser::types::{DocumentOperations, OperationDefinition};

/// The operation named `name`; without a name, the only operation.
#[must_use]
pub fn select_operation<'document>(
    operations: &'document DocumentOperations,
    name: Option<&str>,
) -> Option<&'document OperationDefinition> {
    let operation = match (operations, name) {
        // `Single` is an operation without a name.
        (DocumentOperations::Single(operation), name) => name.is_none().then_some(operation)?,
        (DocumentOperations::Multiple(several), Some(name)) => several.get(name)?,
        (DocumentOperations::Multiple(several), None) => {
            several.values().next().filter(|_| several.len() == 1)?
        }
    };
    Some(&operation.node)
}

/// As [`select_operation`], mutable.
pub(in crate::graphql) fn select_operation_mut<'document>(
    operations: &'document mut DocumentOperations,
    name: Option<&str>,
) -> Option<&'document mut OperationDefinition> {
    select_operation(operations, name)?;
    let operation = match (operations, name) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(several), Some(name)) => several.get_mut(name)?,
        (DocumentOperations::Multiple(several), None) => several.values_mut().next()?,
    };
    Some(&mut operation.node)
}
