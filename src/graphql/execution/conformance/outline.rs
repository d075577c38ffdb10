//! The outline of a response: the fields selected by the document, without arguments and without skipped ones.

use std::collections::HashMap;

use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field as AskedField, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned, Variables};
use async_graphql_value::{ConstValue, Value};

use super::typed::TYPE_KEY;
use crate::graphql::execution::select_operation::select_operation_mut;

/// The shape of the response to an operation.
pub(in crate::graphql) struct Outline {
    pub(super) kind: OperationType,
    /// The operation, represented as a field.
    pub(super) root: Field,
    pub(super) fragments: HashMap<Name, Fragment>,
    /// No object has more than one field, so there is no order to preserve.
    pub(super) is_straight: bool,
}

/// An element of a selection set.
pub(super) enum Part {
    Field(Field),
    Fragment(Fragment),
    /// A spread of a named fragment.
    Spread(Name),
}

/// A field and its selection set.
pub(super) struct Field {
    /// The key in the response: the alias, or the name.
    pub(super) key: Name,
    pub(super) name: Name,
    pub(super) parts: Vec<Part>,
}

/// A fragment, which applies to objects of one type.
pub(super) struct Fragment {
    pub(super) on: Option<Name>,
    pub(super) parts: Vec<Part>,
}

impl Outline {
    /// The outline of the requested operation; `None` if there is none.
    ///
    /// async-graphql makes an object null if its whole selection set is skipped. A hidden `__typename` is added to such
    /// a selection set and removed from the response again.
    pub(super) fn of(
        document: &mut ExecutableDocument,
        operation_name: Option<&str>,
        variables: &Variables,
    ) -> Option<Self> {
        let operation = select_operation_mut(&mut document.operations, operation_name)?;
        let mut outlining = Outlining { variables, is_straight: document.fragments.is_empty() };
        let parts = outlining.parts(&mut operation.selection_set.node);
        let root = Field { key: Name::new(""), name: Name::new(""), parts };
        let fragments = document.fragments.iter_mut().map(|(name, fragment)| {
            let on = Some(fragment.node.type_condition.node.on.node.clone());
            let parts = outlining.parts(&mut fragment.node.selection_set.node);
            (name.clone(), Fragment { on, parts })
        });
        let fragments = fragments.collect();
        Some(Self { kind: operation.ty, root, fragments, is_straight: outlining.is_straight })
    }
}

struct Outlining<'request> {
    variables: &'request Variables,
    is_straight: bool,
}

impl Outlining<'_> {
    fn parts(&mut self, selections: &mut SelectionSet) -> Vec<Part> {
        let selections = selections.items.iter_mut().map(|selection| &mut selection.node);
        let taken = selections.filter(|selection| !is_skipped(selection.directives(), self.variables));
        let taken: Vec<&mut Selection> = taken.collect();
        self.is_straight &= taken.len() <= 1;
        taken.into_iter().map(|selection| self.part(selection)).collect()
    }

    fn part(&mut self, selection: &mut Selection) -> Part {
        match selection {
            Selection::Field(field) => Part::Field(self.field(&mut field.node)),
            Selection::InlineFragment(fragment) => {
                self.is_straight = false;
                let on =
                    fragment.node.type_condition.as_ref().map(|condition| condition.node.on.node.clone());
                Part::Fragment(Fragment { on, parts: self.parts(&mut fragment.node.selection_set.node) })
            }
            Selection::FragmentSpread(spread) => Part::Spread(spread.node.fragment_name.node.clone()),
        }
    }

    fn field(&mut self, field: &mut AskedField) -> Field {
        let selections = &mut field.selection_set.node;
        let mut parts = self.parts(selections);
        if !selections.items.is_empty() && holds_nothing(&parts) {
            self.is_straight = false;
            let of_type = type_field();
            parts.push(Part::Field(self.field(&mut of_type.clone())));
            selections.items.push(positioned(Selection::Field(positioned(of_type))));
        }
        Field { key: field.response_key().node.clone(), name: field.name.node.clone(), parts }
    }
}

/// Whether the selection set contains no field. A spread of a named fragment counts as a field.
fn holds_nothing(parts: &[Part]) -> bool {
    parts.iter().all(|part| matches!(part, Part::Fragment(fragment) if holds_nothing(&fragment.parts)))
}

/// Whether `@skip` or `@include` excludes the selection.
fn is_skipped(directives: &[Positioned<Directive>], variables: &Variables) -> bool {
    directives.iter().any(|directive| {
        let taken_if = match directive.node.name.node.as_str() {
            "skip" => false,
            "include" => true,
            _ => return false,
        };
        let is_so = match directive.node.get_argument("if").map(|condition| &condition.node) {
            Some(Value::Boolean(is_so)) => *is_so,
            Some(Value::Variable(name)) => variables.get(name) == Some(&ConstValue::Boolean(true)),
            _ => false,
        };
        is_so != taken_if
    })
}

fn type_field() -> AskedField {
    AskedField {
        alias: Some(positioned(Name::new(TYPE_KEY))),
        name: positioned(Name::new("__typename")),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: positioned(SelectionSet::default()),
    }
}

fn positioned<T>(node: T) -> Positioned<T> {
    Positioned::new(node, Pos::default())
}
