//! Where async-graphql 7 departs from the specification (October 2021), and clients would notice:
//!
//! - a variable that was not given reaches resolvers as null: [`omitted`] makes it an absent argument (6.4.1);
//! - a mutation's field takes effect as often as it is written, a subscription's is overlooked in a fragment:
//!   [`root_fields`] (6.2);
//! - a field that fails is left out, and keys come as their fields are done: [`completion`] (6.4.3, 6.4.4);
//! - what is in a named fragment may cost less than in its place: [`fragments`];
//! - a subscription that cannot begin fails as if an event had: [`source`] (6.2.3.1).
//!
//! All work on the document before it is validated or on the response after it was executed, and know no resolver.

mod completion;
mod failures;
mod fragments;
mod omitted;
mod outline;
mod root_fields;
mod source;
#[cfg(test)]
pub(super) mod tests;
mod typed;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument};
use async_graphql::{ServerResult, Variables};

pub(super) use completion::complete;
pub(super) use outline::Outline;
pub(super) use source::settle;
pub(super) use typed::Typed;

/// Treats `document` before it is validated. Returns what its response must look like.
pub(super) fn prepare(
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

/// Leaves only the operation that is asked for: the others are not executed, and would not be valid any more when
/// fragments that they share were changed. Returns whether there were others.
fn drop_others(operations: &mut DocumentOperations, name: Option<&str>) -> bool {
    let DocumentOperations::Multiple(operations) = operations else { return false };
    let before = operations.len();
    // Without a name there is but one.
    operations.retain(|operation, _| name.is_none_or(|name| operation == name));
    operations.len() < before
}
