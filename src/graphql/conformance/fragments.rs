//! What is in a named fragment costs as much as it would in its place.
//!
//! async-graphql looks for the fields of a named fragment in the type around its spread, where those of an object are not
//! found if that is an interface: they would cost 1 each, and so would all that is in them. Those of an inline fragment are
//! looked for in its own type.

use std::mem;

use async_graphql::Positioned;
use async_graphql::parser::types::{ExecutableDocument, InlineFragment, Selection, SelectionSet};

/// Makes the content of every named fragment an inline fragment on the same type.
pub(super) fn wrap(document: &mut ExecutableDocument) {
    for fragment in document.fragments.values_mut() {
        let pos = fragment.pos;
        let inner = InlineFragment {
            type_condition: Some(fragment.node.type_condition.clone()),
            directives: Vec::new(),
            selection_set: mem::take(&mut fragment.node.selection_set),
        };
        let inner = Selection::InlineFragment(Positioned::new(inner, pos));
        let content = SelectionSet { items: vec![Positioned::new(inner, pos)] };
        fragment.node.selection_set = Positioned::new(content, pos);
    }
}
