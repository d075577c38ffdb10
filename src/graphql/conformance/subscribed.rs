//! Gives a subscription its one field (October 2021, 5.2.3.1).
//!
//! async-graphql follows all fields of a subscription side by side, and overlooks those that stand in fragments. Here
//! such fragments are put in place before the document is validated, and more than one field is refused.

use std::collections::{HashMap, HashSet};
use std::mem;

use async_graphql::parser::types::{ExecutableDocument, FragmentDefinition, OperationType, Selection};
use async_graphql::{Name, Positioned, ServerError, ServerResult};

use super::{chosen, drop_others};
use crate::graphql::ErrorCode;
use crate::graphql::error::give_code;

type Selections = Vec<Positioned<Selection>>;

/// Leaves the subscription that is asked for with one field; does nothing to another operation.
pub(super) fn unfold(document: &mut ExecutableDocument, name: Option<&str>) -> ServerResult<()> {
    let Some(operation) = chosen(&mut document.operations, name) else { return Ok(()) };
    let selections = &mut operation.selection_set.node.items;
    if operation.ty != OperationType::Subscription || is_one_field(selections) {
        return Ok(());
    }
    let mut unfolding = Unfolding { fragments: &document.fragments, spread: HashSet::new() };
    *selections = joined(unfolding.unfold(mem::take(selections)))?;
    // Nothing but a subscription can spread these.
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
    /// The fragments that were put in place.
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
                // That there is no such fragment, validation says.
                let Some(fragment) = self.fragments.get(name) else { return vec![selection] };
                if !self.spread.insert(name.clone()) {
                    return Vec::new();
                }
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

/// The one field with all that is asked for in it.
fn joined(selections: Selections) -> ServerResult<Selections> {
    let mut joined = Selections::new();
    for selection in selections {
        match (joined.first_mut().map(|first| &mut first.node), selection.node) {
            (Some(Selection::Field(first)), Selection::Field(field)) => {
                let (first, field) = (&mut first.node, field.node);
                let is_same = first.response_key() == field.response_key()
                    && first.name == field.name
                    && first.arguments == field.arguments;
                if !is_same {
                    let message = "a subscription has one field";
                    let mut error = ServerError::new(message, Some(selection.pos));
                    give_code(&mut error, ErrorCode::GraphqlValidationFailed);
                    return Err(error);
                }
                first.selection_set.node.items.extend(field.selection_set.node.items);
                first.directives.extend(field.directives);
            }
            (_, node) => joined.push(Positioned::new(node, selection.pos)),
        }
    }
    Ok(joined)
}
