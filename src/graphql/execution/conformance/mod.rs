//! Corrects deviations of async-graphql 7 from the specification (October 2021) that clients would notice:
//!
//! - a variable without a value reaches resolvers as null: [`omitted`] makes it an absent argument (6.4.1);
//! - a mutation field is executed as often as it is written, and a subscription field in a fragment is ignored:
//!   [`root_fields`] (6.2);
//! - a failed field is omitted, and keys are in the order in which their fields complete: [`completion`] (6.4.3,
//!   6.4.4);
//! - the content of a named fragment may cost less than without the fragment: [`fragments`];
//! - the error of a subscription that cannot start is reported like that of an event: [`source`] (6.2.3.1).
//!
//! All of them work on the document before validation or on the response after execution, and are independent of the
//! resolvers.

mod completion;
mod failures;
mod fragments;
mod omitted;
mod outline;
mod root_fields;
mod source;
#[cfg(test)]
pub(in crate::graphql) mod tests;
mod typed;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument};
use async_graphql::{ServerResult, Variables};

pub(in crate::graphql) use completion::complete;
pub(in crate::graphql) use outline::Outline;
pub(in crate::graphql) use source::settle;
pub(in crate::graphql) use typed::Typed;

/// Prepares `document` before it is validated. Returns the outline of its response.
pub(in crate::graphql) fn prepare(
    document: &mut ExecutableDocument,
    operation_name: Option<&str>,
    variables: &Variables,
) -> ServerResult<Option<Outline>> {
    omitted::omit(document, operation_name, variables)?;
    root_fields::join(document, operation_name)?;
    let outline = Outline::of(document, operation_name, variables);
    fragments::wrap(document);
    Ok(outline)
}

/// Removes all operations but the requested one: the others are not executed, and could become invalid when shared
/// fragments are changed. Returns whether there were others.
fn drop_others(operations: &mut DocumentOperations, name: Option<&str>) -> bool {
    let DocumentOperations::Multiple(operations) = operations else { return false };
    let before = operations.len();
    // Without a name there is only one.
    operations.retain(|operation, _| name.is_none_or(|name| operation == name));
    operations.len() < before
}
