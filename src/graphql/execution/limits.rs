//! Limits of a document. Its text and shape are checked before validation, since validation expands fragments; its cost
//! is checked before execution. The cost of a field is declared at its resolver.

use std::collections::HashMap;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, FragmentDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, ServerError};

use super::complexity::MAX_FIELD_COST;
use crate::graphql::execution::measure::Measure;
use crate::graphql::{ApiError, ErrorCode};
use crate::settings::section;

/// Maximum bytes of a name. Validation quotes it in each error about it.
const MAX_NAME_BYTES: usize = 256;

/// Maximum arguments of a field or directive; none in the schema has as many. Validation compares every argument of a
/// field that is selected twice with every other.
const MAX_ARGUMENTS: usize = 16;

section! {
    /// What a query may ask for.
    #[derive(Clone, Copy, Debug)]
    pub struct QueryLimits {
        /// Bytes of a query's text.
        pub bytes: usize = number("FACEQL_MAX_QUERY_BYTES", 65_536, 1..=1 << 20),
        /// Tokens of a query's text.
        pub tokens: usize = number("FACEQL_MAX_QUERY_TOKENS", 10_000, 1..=1 << 20),
        /// Levels of brackets in a query's text, counting selections, lists, objects and types together; also levels of
        /// fields and fragments within each other.
        pub nesting: usize = number("FACEQL_MAX_QUERY_NESTING", 100, 1..=200),
        /// Levels of fields in a query.
        pub depth: usize = number("FACEQL_MAX_QUERY_DEPTH", 20, 1..=100),
        /// Fields of a query once its fragments are expanded.
        pub fields: usize = number("FACEQL_MAX_QUERY_FIELDS", 5000, 1..=1 << 20),
        /// Aliases in a query.
        pub aliases: usize = number("FACEQL_MAX_QUERY_ALIASES", 100, 1..=1 << 20),
        /// Directives in a query.
        pub directives: usize = number("FACEQL_MAX_QUERY_DIRECTIVES", 100, 1..=1 << 20),
        /// Root fields of an operation.
        pub root_fields: usize = number("FACEQL_MAX_QUERY_ROOT_FIELDS", 50, 1..=1 << 20),
        /// Cost of a query. A field costs 1; what is in a list counts as often as the list may be long; a mutation costs 20
        /// more, and each image for the engine 800.
        pub cost: usize = number("FACEQL_MAX_QUERY_COST", 20_000, 1..=MAX_FIELD_COST),
        /// Bytes of the response to a request, both as it is sent and in memory while it is made.
        pub response_bytes: usize = number("FACEQL_MAX_RESPONSE_BYTES", 32 << 20, 1..=1 << 30),
    }
}

impl QueryLimits {
    /// Rejects a text that is too long or too deeply nested to be parsed.
    ///
    /// # Errors
    /// `QUERY_TOO_COSTLY` names the exceeded limit; `GRAPHQL_PARSE_FAILED` for an unterminated block string, whose
    /// error would be costly to find by parsing.
    pub fn check_text(&self, query: &str) -> Result<(), ApiError> {
        within("bytes of text", query.len(), self.bytes)?;
        let endless = |_| ApiError::new(ErrorCode::GraphqlParseFailed, "a block string is not terminated");
        let Measure { tokens, nesting, name_bytes } = Measure::of(query, self.tokens).map_err(endless)?;
        within("tokens", tokens, self.tokens)?;
        within("bytes in a name", name_bytes, MAX_NAME_BYTES)?;
        within("levels of brackets", nesting, self.nesting)
    }

    /// Rejects a document that is too complex to be validated.
    pub(in crate::graphql) fn check_shape(&self, document: &ExecutableDocument) -> Result<(), ApiError> {
        let mut shapes = Shapes::of_document(document, self.nesting);
        // Validation also follows the spreads of unused fragments.
        for name in document.fragments.keys() {
            shapes.of_fragment(name)?;
        }
        let operations: Vec<&SelectionSet> = match &document.operations {
            DocumentOperations::Single(operation) => vec![&operation.node.selection_set.node],
            DocumentOperations::Multiple(operations) => {
                operations.values().map(|operation| &operation.node.selection_set.node).collect()
            }
        };
        for operation in operations {
            let Shape { depth, fields, aliases, directives, own_fields, .. } = shapes.of(operation)?;
            within("levels of fields", depth, self.depth)?;
            within("fields", fields, self.fields)?;
            within("aliases", aliases, self.aliases)?;
            within("directives", directives, self.directives)?;
            within("root fields", own_fields, self.root_fields)?;
        }
        Ok(())
    }

    /// Rejects an operation that costs too much to be executed.
    pub(in crate::graphql) fn check_cost(&self, cost: usize) -> Result<(), ServerError> {
        let limit = self.cost;
        if cost <= limit {
            return Ok(());
        }
        let message =
            format!("the query costs {cost}, and the limit is {limit}; request less, or split the query");
        let mut error = ApiError::new(ErrorCode::QueryTooCostly, message).into_server_error();
        let values = error.extensions.get_or_insert_default();
        values.set("cost", cost);
        values.set("limit", limit);
        Err(error)
    }
}

/// Names what [`Shape::levels`] counts.
const LEVELS: &str = "levels of fields and fragments";

fn within(what: &str, found: usize, limit: usize) -> Result<(), ApiError> {
    if found <= limit {
        return Ok(());
    }
    let message = format!("the query has {found} {what} or more; at most {limit} are allowed");
    Err(ApiError::new(ErrorCode::QueryTooCostly, message))
}

/// The size of a selection set with its fragments expanded.
#[derive(Clone, Copy, Default)]
struct Shape {
    depth: usize,
    /// Levels of selection sets, of fields, inline fragments and named fragments together.
    levels: usize,
    fields: usize,
    aliases: usize,
    directives: usize,
    /// Fields of the selection set itself, without nested ones.
    own_fields: usize,
}

impl Shape {
    /// Adds a sibling.
    fn beside(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.levels = self.levels.max(other.levels);
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.own_fields = self.own_fields.saturating_add(other.own_fields);
    }
}

/// Measures selection sets; each fragment is measured once, however often it is spread.
struct Shapes<'document> {
    fragments: &'document HashMap<Name, Positioned<FragmentDefinition>>,
    /// `None` while a fragment is being measured.
    known: HashMap<&'document str, Option<Shape>>,
    /// Nested selection sets that are being measured now.
    open: usize,
    /// Maximum levels, since parser, validation and execution recurse at each level.
    nesting: usize,
}

impl<'document> Shapes<'document> {
    fn of_document(document: &'document ExecutableDocument, nesting: usize) -> Self {
        Self { fragments: &document.fragments, known: HashMap::new(), open: 0, nesting }
    }

    fn of(&mut self, selections: &'document SelectionSet) -> Result<Shape, ApiError> {
        if selections.items.is_empty() {
            return Ok(Shape::default());
        }
        within(LEVELS, self.open + 1, self.nesting)?;
        self.open += 1;
        let mut shape = self.of_items(selections)?;
        self.open -= 1;
        shape.levels += 1;
        // The levels of a fragment that was measured before are not included in `open`.
        within(LEVELS, self.open + shape.levels, self.nesting)?;
        Ok(shape)
    }

    fn of_items(&mut self, selections: &'document SelectionSet) -> Result<Shape, ApiError> {
        let mut shape = Shape::default();
        for selection in &selections.items {
            let (inner, directives) = match &selection.node {
                Selection::Field(field) => {
                    within("arguments in a field", field.node.arguments.len(), MAX_ARGUMENTS)?;
                    let mut inner = self.of(&field.node.selection_set.node)?;
                    inner.depth += 1;
                    inner.fields = inner.fields.saturating_add(1);
                    inner.aliases += usize::from(field.node.alias.is_some());
                    inner.own_fields = 1;
                    (inner, field.node.directives.len())
                }
                Selection::InlineFragment(fragment) => {
                    (self.of(&fragment.node.selection_set.node)?, fragment.node.directives.len())
                }
                Selection::FragmentSpread(spread) => {
                    (self.of_fragment(&spread.node.fragment_name.node)?, spread.node.directives.len())
                }
            };
            shape.beside(inner);
            shape.directives = shape.directives.saturating_add(directives);
        }
        Ok(shape)
    }

    fn of_fragment(&mut self, name: &'document Name) -> Result<Shape, ApiError> {
        let Some(fragment) = self.fragments.get(name) else {
            // An unknown fragment would count as nothing, however often it is spread.
            let message = format!("the query spreads the unknown fragment '{name}'");
            return Err(ApiError::new(ErrorCode::GraphqlValidationFailed, message));
        };
        match self.known.get(name.as_str()) {
            Some(Some(shape)) => return Ok(*shape),
            Some(None) => {
                let message = format!("the fragment '{name}' spreads itself");
                return Err(ApiError::new(ErrorCode::GraphqlValidationFailed, message));
            }
            None => {}
        }
        self.known.insert(name, None);
        let shape = self.of(&fragment.node.selection_set.node)?;
        self.known.insert(name, Some(shape));
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Levels of selection sets in a document; `None` if there are more than ten.
    fn levels(text: &str) -> Option<usize> {
        let document = async_graphql::parser::parse_query(text).unwrap();
        let mut shapes = Shapes::of_document(&document, 10);
        let names = document.fragments.keys();
        let all: Result<Vec<Shape>, ApiError> = names.map(|name| shapes.of_fragment(name)).collect();
        let (_, operation) = document.operations.iter().next()?;
        let shape = shapes.of(&operation.node.selection_set.node).ok()?;
        all.is_ok().then_some(shape.levels)
    }

    #[test]
    fn levels_are_counted_through_fragments_of_every_kind_whichever_is_measured_first() {
        let chain = |length: usize| {
            let one = |index: usize| format!("fragment F{index} on Query {{ ...F{} }}", index + 1);
            let links: String = (0..length - 1).map(one).collect();
            format!("{links} fragment F{} on Query {{ a }}", length - 1)
        };
        assert_eq!(levels("{ a { ... { b } } }"), Some(3));
        // The order of the fragments in the map is random.
        for _ in 0..20 {
            assert_eq!(levels(&format!("{{ ...F0 }} {}", chain(9))), Some(10));
            assert_eq!(levels(&format!("{{ ...F0 }} {}", chain(10))), None);
            assert_eq!(levels(&format!("{{ a }} {}", chain(10))), Some(1));
            assert_eq!(levels(&format!("{{ a }} {}", chain(11))), None);
        }
    }
}
