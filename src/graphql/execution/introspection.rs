//! Computes the cost of introspection: the number of fields that it resolves.
//!
//! Types refer to fields and fields to types, and every level multiplies, so that a document of 200 bytes can request
//! gigabytes. The schema never changes, so no estimate is needed: the exact cost is counted by walking the schema along
//! the document. The result for a selection set on a part of the schema is computed once, however often it is reached,
//! and counting stops at the limit, so that it takes less time than executing what the limit allows.

use std::collections::HashMap;
use std::ptr;

use async_graphql::parser::types::{
    ExecutableDocument, Field, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::registry::{
    MetaDirective, MetaEnumValue, MetaField, MetaInputValue, MetaType, MetaTypeName, Registry,
};
use async_graphql::{Name, Positioned, Variables};
use async_graphql_value::{ConstValue, Value};

use super::select_operation::select_operation;

/// The number of fields that the introspection of an operation resolves. An upper bound, as `@skip` and
/// `includeDeprecated` are ignored. Counting stops above `limit`.
pub(in crate::graphql) fn cost(
    document: &ExecutableDocument,
    operation_name: Option<&str>,
    variables: &Variables,
    registry: &Registry,
    limit: usize,
) -> usize {
    let Some(operation) = select_operation(&document.operations, operation_name) else { return 0 };
    let mut walk = Walk {
        registry,
        fragments: &document.fragments,
        operation,
        variables,
        limit,
        counted: 0,
        known: HashMap::new(),
    };
    walk.fields(Part::Root, &operation.selection_set.node).unwrap_or_else(|Beyond(cost)| cost)
}

/// Counting exceeded the limit; holds the count so far.
struct Beyond(usize);

/// A part of the schema that introspection shows.
#[derive(Clone, Copy)]
enum Part<'walk> {
    /// The query root, with `__schema` and `__type`.
    Root,
    Schema,
    /// A type in GraphQL notation, such as `[Image!]!`.
    Type(&'walk str),
    Field(&'walk MetaField),
    /// An argument, or a field of an input object.
    Input(&'walk MetaInputValue),
    EnumValue(&'walk MetaEnumValue),
    Directive(&'walk MetaDirective),
}

/// Identifies a part: types by their text, other parts by their address.
type PartKey<'walk> = (usize, &'walk str);

impl<'walk> Part<'walk> {
    fn key(self) -> PartKey<'walk> {
        match self {
            Self::Root => (0, "root"),
            Self::Schema => (0, "schema"),
            Self::Type(name) => (1, name),
            Self::Field(field) => (ptr::from_ref(field).addr(), ""),
            Self::Input(value) => (ptr::from_ref(value).addr(), ""),
            Self::EnumValue(value) => (ptr::from_ref(value).addr(), ""),
            Self::Directive(directive) => (ptr::from_ref(directive).addr(), ""),
        }
    }
}

struct Walk<'walk> {
    registry: &'walk Registry,
    fragments: &'walk HashMap<Name, Positioned<FragmentDefinition>>,
    operation: &'walk OperationDefinition,
    variables: &'walk Variables,
    limit: usize,
    /// Fields visited so far. Each adds at least one to the cost.
    counted: usize,
    /// The cost of each selection set on each part. Selection sets are identified by their address.
    known: HashMap<(PartKey<'walk>, usize), usize>,
}

impl<'walk> Walk<'walk> {
    /// The number of fields that `selections` resolve on `part`.
    fn fields(&mut self, part: Part<'walk>, selections: &'walk SelectionSet) -> Result<usize, Beyond> {
        let key = (part.key(), ptr::from_ref(selections).addr());
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let mut cost = 0_usize;
        for selection in &selections.items {
            let more = match &selection.node {
                Selection::Field(field) => self.field(part, &field.node)?,
                Selection::InlineFragment(fragment) => {
                    self.fields(part, &fragment.node.selection_set.node)?
                }
                Selection::FragmentSpread(spread) => {
                    match self.fragments.get(&spread.node.fragment_name.node) {
                        Some(fragment) => self.fields(part, &fragment.node.selection_set.node)?,
                        None => 0,
                    }
                }
            };
            cost = self.within_limit(cost.saturating_add(more))?;
        }
        self.known.insert(key, cost);
        Ok(cost)
    }

    fn field(&mut self, part: Part<'walk>, field: &'walk Field) -> Result<usize, Beyond> {
        let (own, shown) = match (part, field.name.node.as_str()) {
            // async-graphql walks all types to find the visible ones.
            (Part::Root, "__schema") => (self.registry.types.len(), vec![Part::Schema]),
            (Part::Root, "__type") => (self.registry.types.len(), self.named(field).into_iter().collect()),
            (Part::Root, _) => return Ok(0),
            (part, name) => (1, self.shown(part, name)),
        };
        self.counted += 1;
        self.within_limit(self.counted)?;
        shown.into_iter().try_fold(own, |cost, part| {
            let within = self.fields(part, &field.selection_set.node)?;
            self.within_limit(cost.saturating_add(within))
        })
    }

    fn within_limit(&self, cost: usize) -> Result<usize, Beyond> {
        if cost > self.limit { Err(Beyond(cost)) } else { Ok(cost) }
    }

    /// The type named by the argument of `__type`.
    fn named(&self, field: &Field) -> Option<Part<'walk>> {
        let name = match &field.get_argument("name")?.node {
            Value::String(name) => name,
            Value::Variable(variable) => match self.variable(variable)? {
                ConstValue::String(name) => name,
                _ => return None,
            },
            _ => return None,
        };
        self.registry.types.get_key_value(name).map(|(name, _)| Part::Type(name))
    }

    fn variable(&self, name: &Name) -> Option<&ConstValue> {
        let default = || {
            let mut definitions = self.operation.variable_definitions.iter();
            let definition = definitions.find(|definition| definition.node.name.node == *name)?;
            definition.node.default_value.as_ref().map(|default| &default.node)
        };
        self.variables.get(name).or_else(default)
    }

    /// The parts that a field of a part returns, apart from scalars.
    fn shown(&self, part: Part<'walk>, field: &str) -> Vec<Part<'walk>> {
        match (part, field) {
            (Part::Schema, "types") => self.registry.types.keys().map(|name| Part::Type(name)).collect(),
            (Part::Schema, "directives") => self.registry.directives.values().map(Part::Directive).collect(),
            (Part::Schema, "queryType") => vec![Part::Type(&self.registry.query_type)],
            (Part::Schema, "mutationType") => optional(self.registry.mutation_type.as_ref()),
            (Part::Schema, "subscriptionType") => optional(self.registry.subscription_type.as_ref()),
            (Part::Type(name), _) => self.shown_of_type(name, field),
            (Part::Field(field), "type") => vec![Part::Type(&field.ty)],
            (Part::Field(field), "args") => field.args.values().map(Part::Input).collect(),
            (Part::Input(value), "type") => vec![Part::Type(&value.ty)],
            (Part::Directive(directive), "args") => directive.args.values().map(Part::Input).collect(),
            _ => Vec::new(),
        }
    }

    fn shown_of_type(&self, name: &'walk str, field: &str) -> Vec<Part<'walk>> {
        let name = match MetaTypeName::create(name) {
            MetaTypeName::NonNull(of) | MetaTypeName::List(of) if field == "ofType" => {
                return vec![Part::Type(of)];
            }
            MetaTypeName::NonNull(_) | MetaTypeName::List(_) => return Vec::new(),
            MetaTypeName::Named(name) => name,
        };
        let types = |names| Iterator::map(names, |name: &'walk String| Part::Type(name)).collect();
        match (self.registry.types.get(name), field) {
            (Some(of), "fields") => {
                let fields = of.fields().into_iter().flat_map(|fields| fields.values());
                fields.filter(|field| !field.name.starts_with("__")).map(Part::Field).collect()
            }
            (Some(of), "possibleTypes") => {
                of.possible_types().map(|names| types(names.iter())).unwrap_or_default()
            }
            (Some(MetaType::Object { name, .. }), "interfaces") => {
                self.registry.implements.get(name).map(|names| types(names.iter())).unwrap_or_default()
            }
            (Some(MetaType::Enum { enum_values, .. }), "enumValues") => {
                enum_values.values().map(Part::EnumValue).collect()
            }
            (Some(MetaType::InputObject { input_fields, .. }), "inputFields") => {
                input_fields.values().map(Part::Input).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn optional(name: Option<&String>) -> Vec<Part<'_>> {
    name.map(|name| Part::Type(name)).into_iter().collect()
}
