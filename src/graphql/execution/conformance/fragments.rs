//! Makes the content of a named fragment cost as much as the same fields without the fragment.
//!
//! async-graphql looks up the fields of a named fragment in the type that contains the spread. If that is an interface,
//! fields of an object type are not found, and they and all their content would cost 1 each. The fields of an inline
//! fragment are looked up in its own type.

use std::mem;

use async_graphql::Positioned;
use async_graphql::parser::types::{ExecutableDocument, InlineFragment, Selection, SelectionSet};

/// Wraps the content of every named fragment in an inline fragment on the same type.
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
