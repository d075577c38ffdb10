//! Merges the root fields of mutations and subscriptions (October 2021, 5.2.3.1 and 6.2).
//!
//! async-graphql executes a root field as often as it is written, so that a mutation could take effect twice. It runs
//! all fields of a subscription concurrently and ignores those in fragments. Here fragments are expanded and equal
//! fields merged before validation, and a subscription with several fields is rejected.

use std::collections::{HashMap, HashSet};
use std::mem;

use async_graphql::parser::types::{ExecutableDocument, Field, FragmentDefinition, OperationType, Selection};
use async_graphql::{Name, Positioned, ServerError, ServerResult};

use super::drop_others;
use crate::graphql::ErrorCode;
use crate::graphql::error::give_code;
use crate::graphql::execution::select_operation::select_operation_mut;

type Selections = Vec<Positioned<Selection>>;

/// Expands the fragments and merges the equal root fields of the requested operation, unless it is a query.
pub(super) fn join(document: &mut ExecutableDocument, name: Option<&str>) -> ServerResult<()> {
    let Some(operation) = select_operation_mut(&mut document.operations, name) else { return Ok(()) };
    let selections = &mut operation.selection_set.node.items;
    if operation.ty == OperationType::Query || is_one_field(selections) {
        return Ok(());
    }
    let mut unfolding = Unfolding { fragments: &document.fragments, spread: HashSet::new() };
    *selections = joined(unfolding.unfold(mem::take(selections)));
    if let (OperationType::Subscription, [_, second, ..]) = (operation.ty, &selections[..]) {
        let mut error = ServerError::new("a subscription must have exactly one root field", Some(second.pos));
        give_code(&mut error, ErrorCode::GraphqlValidationFailed);
        return Err(error);
    }
    // Fragments on a root type are not used anywhere else.
    let spread = unfolding.spread;
    document.fragments.retain(|fragment, _| !spread.contains(fragment));
    drop_others(&mut document.operations, name);
    Ok(())
}

fn is_one_field(selections: &[Positioned<Selection>]) -> bool {
    matches!(selections, [one] if matches!(one.node, Selection::Field(_)))
}

struct Unfolding<'document> {
    fragments: &'document HashMap<Name, Positioned<FragmentDefinition>>,
    /// The fragments that were expanded.
    spread: HashSet<Name>,
}

impl Unfolding<'_> {
    fn unfold(&mut self, selections: Selections) -> Selections {
        selections.into_iter().flat_map(|selection| self.unfold_one(selection)).collect()
    }

    fn unfold_one(&mut self, selection: Positioned<Selection>) -> Selections {
        let (inner, directives) = match &selection.node {
            Selection::Field(_) => return vec![selection],
            Selection::InlineFragment(fragment) => (&fragment.node.selection_set, &fragment.node.directives),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                // Validation reports the unknown fragment.
                let Some(fragment) = self.fragments.get(name) else { return vec![selection] };
                self.spread.insert(name.clone());
                (&fragment.node.selection_set, &spread.node.directives)
            }
        };
        let mut unfolded = self.unfold(inner.node.items.clone());
        for selection in &mut unfolded {
            selection.node.directives_mut().extend(directives.iter().cloned());
        }
        unfolded
    }
}

/// Each field once, with the merged selection sets.
fn joined(selections: Selections) -> Selections {
    let mut joined = Selections::new();
    for Positioned { pos, node: selection } in selections {
        let equal = joined.iter_mut().find_map(|earlier| match (&mut earlier.node, &selection) {
            (Selection::Field(earlier), Selection::Field(field)) if are_equal(&earlier.node, &field.node) => {
                Some(&mut earlier.node.selection_set.node.items)
            }
            _ => None,
        });
        match (equal, selection) {
            (Some(items), Selection::Field(field)) => items.extend(field.node.selection_set.node.items),
            (_, selection) => joined.push(Positioned::new(selection, pos)),
        }
    }
    joined
}

/// Whether two fields are equal except for their selection sets.
fn are_equal(one: &Field, other: &Field) -> bool {
    let mut directives = one.directives.iter().zip(&other.directives);
    one.response_key() == other.response_key()
        && one.name == other.name
        && one.arguments == other.arguments
        && one.directives.len() == other.directives.len()
        && directives.all(|(one, other)| {
            one.node.name == other.node.name && one.node.arguments == other.node.arguments
        })
}
