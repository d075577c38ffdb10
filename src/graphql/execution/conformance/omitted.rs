//! Makes an omitted variable an absent argument, as the specification requires (October 2021, 6.4.1).
//!
//! async-graphql 7 passes an omitted variable to resolvers as null, so that `containers(first: $first)` fails without
//! `$first`, and an update would clear an omitted field. Here every argument and input field whose value is such a
//! variable is removed from the document before validation. An omitted variable with a default is replaced by the
//! default, since async-graphql ignores defaults in directives, as in `@include(if: $details)`.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{
    Directive, ExecutableDocument, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, ServerError, ServerResult, Variables};
use async_graphql_value::{ConstValue, Value};

use super::drop_others;
use crate::graphql::ErrorCode;
use crate::graphql::error::give_code;
use crate::graphql::execution::select_operation::select_operation_mut;

/// Removes omitted variables from the requested operation.
pub(super) fn omit(
    document: &mut ExecutableDocument,
    name: Option<&str>,
    variables: &Variables,
) -> ServerResult<()> {
    let Some(operation) = select_operation_mut(&mut document.operations, name) else { return Ok(()) };
    let omitted = omitted_variables(operation, variables)?;
    if omitted.is_empty() {
        return Ok(());
    }
    let mut omission = Omission { omitted, used: HashSet::new(), spreads: Vec::new() };
    omission.selections(&mut operation.selection_set.node);
    let reached = omission.fragments(&mut document.fragments);
    // A variable whose uses were removed would fail validation as unused.
    operation.variable_definitions.retain(|definition| !omission.used.contains(&definition.node.name.node));
    // The other operations may use fragments whose variables were removed.
    if drop_others(&mut document.operations, name) {
        document.fragments.retain(|fragment, _| reached.contains(fragment));
    }
    Ok(())
}

/// The omitted variables with their defaults. An omitted required variable is an error.
fn omitted_variables(operation: &OperationDefinition, variables: &Variables) -> ServerResult<Omitted> {
    let mut omitted = Omitted::new();
    for definition in &operation.variable_definitions {
        let (name, required) = (&definition.node.name.node, !definition.node.var_type.node.nullable);
        if variables.contains_key(name) {
            continue;
        }
        let default = definition.node.default_value.as_ref().map(|value| value.node.clone());
        if required && default.is_none() {
            let mut error =
                ServerError::new(format!("The variable ${name} is required."), Some(definition.pos));
            give_code(&mut error, ErrorCode::BadUserInput);
            return Err(error);
        }
        omitted.insert(name.clone(), default);
    }
    Ok(omitted)
}

/// Omitted variables and their defaults, if they have one.
type Omitted = HashMap<Name, Option<ConstValue>>;

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

struct Omission {
    omitted: Omitted,
    /// Those of `omitted` whose uses were removed or replaced.
    used: HashSet<Name>,
    /// The fragments spread so far that are still to be processed.
    spreads: Vec<Name>,
}

impl Omission {
    /// Processes the spread fragments and, recursively, those that they spread. Returns their names.
    fn fragments(&mut self, fragments: &mut Fragments) -> HashSet<Name> {
        let mut reached = HashSet::new();
        while let Some(name) = self.spreads.pop() {
            if reached.insert(name.clone())
                && let Some(fragment) = fragments.get_mut(&name)
            {
                self.selections(&mut fragment.node.selection_set.node);
            }
        }
        reached
    }

    fn selections(&mut self, selections: &mut SelectionSet) {
        for selection in &mut selections.items {
            match &mut selection.node {
                Selection::Field(field) => {
                    self.arguments(&mut field.node.arguments);
                    self.directives(&mut field.node.directives);
                    self.selections(&mut field.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&mut spread.node.directives);
                    self.spreads.push(spread.node.fragment_name.node.clone());
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(&mut fragment.node.directives);
                    self.selections(&mut fragment.node.selection_set.node);
                }
            }
        }
    }

    fn directives(&mut self, directives: &mut [Positioned<Directive>]) {
        for directive in directives {
            self.arguments(&mut directive.node.arguments);
        }
    }

    fn arguments(&mut self, arguments: &mut Vec<(Positioned<Name>, Positioned<Value>)>) {
        arguments.retain_mut(|(_, value)| self.keeps(&mut value.node));
    }

    /// Whether `value` stays. Inserts defaults into it and removes omitted fields. In a list, an omitted variable
    /// becomes null.
    fn keeps(&mut self, value: &mut Value) -> bool {
        match value {
            Value::Variable(name) => {
                let Some(default) = self.omitted.get(name) else { return true };
                self.used.insert(name.clone());
                let Some(default) = default.clone() else { return false };
                *value = default.into_value();
            }
            Value::Object(fields) => fields.retain(|_, field| self.keeps(field)),
            Value::List(items) => {
                for item in items {
                    if !self.keeps(item) {
                        *item = Value::Null;
                    }
                }
            }
            _ => {}
        }
        true
    }
}
