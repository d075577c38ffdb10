//! Numbers of a request as it writes them. What is kept for callers is kept as they wrote it or refused; all else takes the
//! nearest number that there is.

use std::collections::{HashMap, HashSet};
use std::iter::Peekable;
use std::sync::Arc;

use async_graphql::{Context, Pos};

use super::{ApiError, ErrorCode};
use crate::exact::{Fate, Part, Shown, Step, json_tokens, walk};
use crate::lexer::{Token, Tokens};

/// Characters of a number that an error repeats.
const SHOWN_CHARACTERS: usize = 40;

/// Numbers of a request that parsing changes, and where they stand. One that could be in anything that is kept is looked
/// for by [`Self::refuse_in`].
pub(crate) struct ChangedNumbers {
    /// What stands in the document's arguments, by where their values begin.
    arguments: HashMap<Pos, Vec<Literal>>,
    /// Numbers in the document's defaults, by their variables.
    defaults: HashMap<String, Vec<Default>>,
    /// Numbers that were given, by their variables.
    given: HashMap<String, Vec<Changed>>,
}

/// A number that parsing changes.
struct Changed {
    /// The way to it from the value that it is in.
    path: Vec<Step>,
    written: String,
}

/// What stands in an argument.
enum Literal {
    Number(Changed),
    /// What comes in by a variable.
    Variable {
        path: Vec<Step>,
        name: String,
    },
}

/// A number in the default of a variable of an operation.
struct Default {
    operation: Arc<str>,
    number: Changed,
}

impl Changed {
    fn new(path: &[Step], written: &str) -> Self {
        Self { path: path.to_vec(), written: shown(written) }
    }

    /// Whether `path` begins as the way to this one does: one number of a field is enough to refuse it.
    fn is_in_field_of(&self, path: &[Step]) -> bool {
        self.path.first() == path.first() && !path.is_empty()
    }
}

impl ChangedNumbers {
    /// Those of a document and of the JSON of its `variables`; `None` when there are none.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` when there is a number beyond all that are read.
    pub(crate) fn of(document: &str, variables: Option<&[u8]>) -> Result<Option<Self>, ApiError> {
        let given = variables.map_or(Ok(HashMap::new()), |json| given_in(json, &variables_in(document)))?;
        let is_changed = |token: Token<'_>| token.is_number() && Fate::of(token.text()) != Fate::Kept;
        if given.is_empty() && !Tokens::of(document.as_bytes()).flatten().any(is_changed) {
            return Ok(None);
        }
        let numbers = Self { arguments: HashMap::new(), defaults: HashMap::new(), given };
        let start = (0, Pos { line: 1, column: 1 });
        let mut reading = Reading { document, at: start, numbers, lost: None };
        reading.document();
        reading.lost.map_or(Ok(Some(reading.numbers)), Err)
    }

    /// Refuses a number that parsing changed in this `field` of this `argument` of what is resolved.
    pub(super) fn refuse_in(
        &self,
        context: &Context<'_>,
        argument: &str,
        field: &str,
    ) -> Result<(), ApiError> {
        let arguments = &context.item.node.arguments;
        let value = arguments.iter().find(|(name, _)| name.node == argument).map(|(_, value)| value);
        let literals = value.and_then(|value| self.arguments.get(&value.pos));
        for literal in literals.into_iter().flatten() {
            let (path, number) = match literal {
                Literal::Number(number) => (&[][..], Some(number)),
                Literal::Variable { path, name } => (&path[..], self.of_variable(name, path, field, context)),
            };
            let Some(number) = number else { continue };
            let path = [path, &number.path].concat();
            if path.first().is_some_and(|step| step.is_to(field)) {
                let (path, written) = (Shown(&path), &number.written);
                let message = format!(
                    "{argument}.{path}: the number {written} would not be kept as it is written; send it as text, in quotes"
                );
                return Err(ApiError::new(ErrorCode::BadUserInput, message));
            }
        }
        Ok(())
    }

    /// The first number that comes into the `field` by a variable that stands at `path`.
    fn of_variable(&self, name: &str, path: &[Step], field: &str, context: &Context<'_>) -> Option<&Changed> {
        let is_in_field =
            |number: &&Changed| path.iter().chain(&number.path).next().is_some_and(|step| step.is_to(field));
        if context.query_env.variables.contains_key(name) {
            return self.given.get(name)?.iter().find(is_in_field);
        }
        let asked = context.query_env.operation_name.as_deref();
        let defaults = self.defaults.get(name)?.iter();
        let defaults = defaults.filter(|default| asked.is_none_or(|asked| *default.operation == *asked));
        defaults.map(|default| &default.number).find(is_in_field)
    }
}

/// The changed numbers of the variables of these names.
fn given_in(json: &[u8], names: &HashSet<&str>) -> Result<HashMap<String, Vec<Changed>>, ApiError> {
    let (mut given, mut lost) = (HashMap::<String, Vec<Changed>>::new(), None);
    walk(&mut json_tokens(json), |path, part| {
        let (Part::Number(written), [Step::Key(Some(name)), way @ ..]) = (part, path) else { return };
        if !names.contains(&**name) {
            return;
        }
        match Fate::of(written) {
            Fate::Kept => {}
            Fate::Lost => lost = lost.take().or_else(|| Some(beyond_all(&Shown(path).to_string(), written))),
            Fate::Changed => {
                let known = given.entry(name.to_string()).or_default();
                if !known.last().is_some_and(|last| last.is_in_field_of(way)) {
                    known.push(Changed::new(way, written));
                }
            }
        }
    });
    lost.map_or(Ok(given), Err)
}

/// The names of all variables of a document.
pub(crate) fn variables_in(document: &str) -> HashSet<&str> {
    let tokens = Tokens::of(document.as_bytes()).flatten();
    let pairs = tokens.clone().zip(tokens.skip(1));
    pairs.filter(|(dollar, _)| dollar.first() == b'$').map(|(_, name)| name.text()).collect()
}

fn beyond_all(path: &str, written: &str) -> ApiError {
    let written = shown(written);
    let message =
        format!("{path}: the number {written} is larger than any that is read; send it as text, in quotes");
    ApiError::new(ErrorCode::BadUserInput, message)
}

fn shown(written: &str) -> String {
    written.chars().take(SHOWN_CHARACTERS).collect()
}

/// Reads the values of a document.
struct Reading<'text> {
    document: &'text str,
    /// A byte, and its place.
    at: (usize, Pos),
    numbers: ChangedNumbers,
    lost: Option<ApiError>,
}

impl<'text> Reading<'text> {
    fn document(&mut self) {
        let mut tokens = Tokens::of(self.document.as_bytes()).flatten().peekable();
        let (mut levels, mut operation) = (0_usize, Arc::<str>::from(""));
        while let Some(token) = tokens.next() {
            match token.first() {
                b'{' => levels += 1,
                b'}' => levels = levels.saturating_sub(1),
                b'(' => self.parentheses(&mut tokens, &operation),
                // The last name before its variables is an operation's own.
                _ if levels == 0 && token.is_name() => operation = token.text().into(),
                _ => {}
            }
        }
    }

    /// Reads arguments, or definitions of variables with the arguments of their directives.
    fn parentheses(
        &mut self,
        tokens: &mut Peekable<impl Iterator<Item = Token<'text>>>,
        operation: &Arc<str>,
    ) {
        let (mut open, mut variable, mut name) = (1_usize, "", "");
        while open > 0 {
            let Some(token) = tokens.next() else { return };
            match token.first() {
                b'(' => open += 1,
                b')' => open -= 1,
                b'$' => {
                    variable = tokens.next().map(|name| name.text()).unwrap_or_default();
                    // The colon before its type.
                    tokens.next();
                }
                b'=' => self.default(tokens, variable, operation),
                b':' => self.argument(tokens, name),
                _ if token.is_name() => name = token.text(),
                _ => {}
            }
        }
    }

    fn argument(&mut self, tokens: &mut Peekable<impl Iterator<Item = Token<'text>>>, name: &str) {
        let Some(start) = tokens.peek().map(|token| token.start) else { return };
        let mut literals: Vec<Literal> = Vec::new();
        let lost = &mut self.lost;
        walk(tokens, |path, part| match part {
            Part::Key => {}
            Part::Variable(name) => {
                literals.push(Literal::Variable { path: path.to_vec(), name: name.to_owned() });
            }
            Part::Number(written) => {
                let is_known =
                    matches!(literals.last(), Some(Literal::Number(before)) if before.is_in_field_of(path));
                if let Some(number) = changed(path, written, name, lost).filter(|_| !is_known) {
                    literals.push(Literal::Number(number));
                }
            }
        });
        if !literals.is_empty() {
            let position = self.position(start);
            self.numbers.arguments.insert(position, literals);
        }
    }

    fn default(
        &mut self,
        tokens: &mut Peekable<impl Iterator<Item = Token<'text>>>,
        variable: &str,
        operation: &Arc<str>,
    ) {
        let Self { lost, numbers, .. } = self;
        walk(tokens, |path, part| {
            if let Part::Number(written) = part
                && let Some(number) = changed(path, written, variable, lost)
            {
                let defaults = numbers.defaults.entry(variable.to_owned()).or_default();
                if !defaults
                    .last()
                    .is_some_and(|last| last.operation == *operation && last.number.is_in_field_of(path))
                {
                    defaults.push(Default { operation: operation.clone(), number });
                }
            }
        });
    }

    /// Where a byte is, as the parser counts lines and columns; none before the last one that was asked for.
    fn position(&mut self, byte: usize) -> Pos {
        let (from, place) = self.at;
        let between = self.document.get(from..byte).unwrap_or_default().chars();
        let place = between.fold(place, |Pos { line, column }, character| match character {
            '\r' => Pos { line, column: 1 },
            '\n' => Pos { line: line + 1, column: 1 },
            _ => Pos { line, column: column + 1 },
        });
        self.at = (byte, place);
        place
    }
}

/// A number of the document, if parsing changes it. One beyond all is `lost`.
fn changed(path: &[Step], written: &str, name: &str, lost: &mut Option<ApiError>) -> Option<Changed> {
    match Fate::of(written) {
        Fate::Kept => None,
        Fate::Changed => Some(Changed::new(path, written)),
        Fate::Lost => {
            let path = format!("{name}.{}", Shown(path));
            *lost = lost.take().or_else(|| Some(beyond_all(path.trim_end_matches('.'), written)));
            None
        }
    }
}
