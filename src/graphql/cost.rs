//! What a query may ask for. Its text and its shape are measured before it is validated, since validating expands
//! fragments; its cost before it is executed. What a field costs is said beside its resolver.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, FragmentDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, ServerError};

use super::measure::Measure;
use super::{ApiError, ErrorCode};
use crate::config::{Setting, Settings};
use crate::rates::Left;

/// No field costs more, so that sums of costs do not overflow.
const MOST: usize = 1_000_000_000;

/// Bytes of a name. Validation quotes one in each error about it.
const MOST_NAME_BYTES: usize = 256;

/// Arguments of one field or directive; none of the schema takes as many. Validation compares the arguments of fields
/// that are asked for twice, each with each.
const MOST_ARGUMENTS: usize = 16;

/// What a query may ask for.
#[derive(Clone, Copy, Debug)]
pub struct QueryLimits {
    /// Bytes of its text.
    pub bytes: usize,
    /// Tokens of its text.
    pub tokens: usize,
    /// Brackets within brackets in its text, of whatever kind.
    pub nesting: usize,
    /// Fields within fields.
    pub depth: usize,
    /// Fields, with every fragment put in place.
    pub fields: usize,
    /// Fields under other names.
    pub aliases: usize,
    /// Directives.
    pub directives: usize,
    /// Fields of the operation itself.
    pub root_fields: usize,
    /// What all fields cost together.
    pub cost: usize,
    /// Bytes of its response, as it is written and in memory.
    pub response_bytes: usize,
}

impl QueryLimits {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let mut limit =
            |name, about, default, most| settings.number(Setting { name, about }, default, 1..=most);
        Self {
            bytes: limit("FACEQL_MAX_QUERY_BYTES", "Bytes that a query's text may have.", 65_536, 1 << 20),
            tokens: limit("FACEQL_MAX_QUERY_TOKENS", "Tokens that a query's text may have.", 10_000, 1 << 20),
            nesting: limit(
                "FACEQL_MAX_QUERY_NESTING",
                "How deep a query's brackets may be nested, those of fields, lists, objects and types together, and how deep its \
                 fields and fragments.",
                100,
                200,
            ),
            depth: limit("FACEQL_MAX_QUERY_DEPTH", "How deep a query's fields may lie.", 20, 100),
            fields: limit(
                "FACEQL_MAX_QUERY_FIELDS",
                "Fields that a query may have, with its fragments put in place.",
                5000,
                1 << 20,
            ),
            aliases: limit("FACEQL_MAX_QUERY_ALIASES", "Fields that a query may rename.", 100, 1 << 20),
            directives: limit(
                "FACEQL_MAX_QUERY_DIRECTIVES",
                "Directives that a query may have.",
                100,
                1 << 20,
            ),
            root_fields: limit(
                "FACEQL_MAX_QUERY_ROOT_FIELDS",
                "Fields of an operation itself: queries, or mutations, at once.",
                50,
                1 << 20,
            ),
            cost: limit(
                "FACEQL_MAX_QUERY_COST",
                "What a query may cost: a field costs 1, what is in a list as often as the list may be long, a mutation 20 \
                 more, and a picture for the engine 800.",
                20_000,
                MOST,
            ),
            response_bytes: limit(
                "FACEQL_MAX_RESPONSE_BYTES",
                "Bytes that the response to a request may have, and may take in memory while it is made.",
                32 << 20,
                1 << 30,
            ),
        }
    }

    /// Refuses a text that is too long, or nested too deep, to be parsed.
    ///
    /// # Errors
    /// `QUERY_TOO_COSTLY`, with what was found; `GRAPHQL_PARSE_FAILED` for what is costly to find wrong.
    pub fn check_text(&self, query: &str) -> Result<(), ApiError> {
        within("bytes of text", query.len(), self.bytes)?;
        let endless = |_| ApiError::new(ErrorCode::GraphqlParseFailed, "a block string has no end");
        let Measure { tokens, nesting, name_bytes } = Measure::of(query, self.tokens).map_err(endless)?;
        within("tokens", tokens, self.tokens)?;
        within("bytes in a name", name_bytes, MOST_NAME_BYTES)?;
        within("levels of brackets", nesting, self.nesting)
    }

    /// Refuses a document that is too much to be validated.
    pub(super) fn check_shape(&self, document: &ExecutableDocument) -> Result<(), ApiError> {
        let mut shapes = Shapes::of_document(document, self.nesting);
        // Validating follows the spreads of those that are never used as well.
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
            within("fields of the operation itself", own_fields, self.root_fields)?;
        }
        Ok(())
    }

    /// Refuses a document that costs too much to be executed.
    pub(super) fn check_cost(&self, cost: usize) -> Result<(), ServerError> {
        let limit = self.cost;
        if cost <= limit {
            return Ok(());
        }
        let message = format!("the query costs {cost}; at most {limit} is taken: ask for fewer, or in parts");
        let mut error = ApiError::new(ErrorCode::QueryTooCostly, message).into_server_error();
        let values = error.extensions.get_or_insert_default();
        values.set("cost", cost);
        values.set("limit", limit);
        Err(error)
    }
}

/// What [`Shape::levels`] counts.
const LEVELS: &str = "levels of fields and fragments within each other";

fn within(what: &str, found: usize, limit: usize) -> Result<(), ApiError> {
    if found <= limit {
        return Ok(());
    }
    let message = format!("the query has {found} {what} or more; at most {limit} are taken");
    Err(ApiError::new(ErrorCode::QueryTooCostly, message))
}

/// How much there is in a selection.
#[derive(Clone, Copy, Default)]
struct Shape {
    depth: usize,
    /// Levels of selections, whether of fields, inline fragments or fragments.
    levels: usize,
    fields: usize,
    aliases: usize,
    directives: usize,
    /// Without what is within its fields.
    own_fields: usize,
}

impl Shape {
    /// Adds what lies beside it.
    fn beside(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.levels = self.levels.max(other.levels);
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.own_fields = self.own_fields.saturating_add(other.own_fields);
    }
}

/// Measures each fragment once, however often it is spread.
struct Shapes<'document> {
    fragments: &'document HashMap<Name, Positioned<FragmentDefinition>>,
    /// `None` while a fragment is being measured.
    known: HashMap<&'document str, Option<Shape>>,
    /// Selections that are being measured, each within the one before.
    open: usize,
    /// How many there may be: whatever handles a document recurses at each.
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
        // What is in a fragment that was measured before is not open now.
        within(LEVELS, self.open + shape.levels, self.nesting)?;
        Ok(shape)
    }

    fn of_items(&mut self, selections: &'document SelectionSet) -> Result<Shape, ApiError> {
        let mut shape = Shape::default();
        for selection in &selections.items {
            let (inner, directives) = match &selection.node {
                Selection::Field(field) => {
                    within("arguments in a field", field.node.arguments.len(), MOST_ARGUMENTS)?;
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
            // It would weigh nothing, however often it is unfolded.
            let message = format!("the query spreads '{name}', and there is no such fragment");
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

/// The cost of a field whose content comes as often as `times`, at most a hundred.
pub(super) fn list(times: i32, content: usize) -> usize {
    let times = usize::try_from(times.clamp(1, 100)).unwrap_or(100);
    times.saturating_mul(content.max(1)).saturating_add(1).min(MOST)
}

/// Bytes of a document that are parsed and validated in the time of a cost of 1, when nearly every word of it is wrong.
const BYTES_READ: usize = 8;

/// What it costs to look at a picture. The engine takes about 25 ms of a core to decode one of a megapixel, find its faces
/// and encode one, so that a cost of 1 is some 30 microseconds. The default rate of a key, a million a second, is more than
/// 24 cores can do; and the 20 pictures that `enrollPerson` takes at most fit into the default cost of a query.
pub(super) const PICTURE: usize = 800;

/// What it costs to read a document, until it is known whether it is valid.
pub(super) fn reading(text: &str) -> usize {
    text.len().div_ceil(BYTES_READ)
}

/// What an entry of the audit log costs: to chain and store it, and to keep it.
pub(super) const ENTRY: usize = 20;

/// The cost of a mutation, which leaves an entry in the audit log.
pub(super) fn act(content: usize) -> usize {
    work(ENTRY, content)
}

/// The cost of a mutation that has the engine look at so many pictures, at once or in the background.
pub(super) fn look(pictures: usize, content: usize) -> usize {
    work(pictures.saturating_mul(PICTURE).saturating_add(ENTRY), content)
}

/// The cost of a field that takes so much work of its own.
pub(super) fn work(own: usize, content: usize) -> usize {
    own.saturating_add(content).min(MOST)
}

/// What a request was charged: filled in as soon as it is known. Cloning shares it.
#[derive(Clone, Default)]
pub struct Bill(Arc<OnceLock<Charge>>);

/// What a request was charged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Charge {
    /// What it cost; `None` when it came to nothing before, or could not be paid.
    pub cost: Option<usize>,
    /// What its key has left, where there is a limit.
    pub left: Option<Left>,
}

impl Bill {
    /// What was charged.
    #[must_use]
    pub fn charge(&self) -> Charge {
        self.0.get().copied().unwrap_or_default()
    }

    /// Notes what was charged, once.
    pub(super) fn settle(&self, charge: Charge) {
        let _ = self.0.set(charge);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many levels of selections there are in a document, or `None` when it has more than ten.
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
