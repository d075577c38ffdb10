//! Numbers of a request as the client wrote them. Data that is stored for callers must keep its numbers exactly, or is
//! rejected; everywhere else a number is rounded to the nearest one representable.

use std::collections::{HashMap, HashSet};
use std::iter::Peekable;
use std::sync::Arc;

use async_graphql::{Context, Pos};

use crate::graphql::{ApiError, ErrorCode};
use crate::parsing::exact_numbers::{Fate, Part, Shown, Step, json_tokens, walk};
use crate::parsing::lexer::{Token, Tokens};

/// Maximum number of characters of a number that an error quotes.
const SHOWN_CHARACTERS: usize = 40;

/// The numbers of a request that parsing changes, and their positions. [`Self::refuse_in`] rejects those in a field
/// that is stored.
pub(crate) struct ChangedNumbers {
    /// Contents of the document's arguments, by the position of their values.
    arguments: HashMap<Pos, Vec<Literal>>,
    /// Changed numbers in the defaults of the document's variables, by variable.
    defaults: HashMap<String, Vec<Default>>,
    /// Changed numbers in the values of variables, by variable.
    given: HashMap<String, Vec<Changed>>,
}

/// A number that parsing changes.
struct Changed {
    /// Path to the number from the argument or variable that contains it.
    path: Vec<Step>,
    written: String,
}

/// A changed number or a variable within an argument.
enum Literal {
    Number(Changed),
    /// A variable, which may contain changed numbers.
    Variable {
        path: Vec<Step>,
        name: String,
    },
}

/// A changed number in the default of a variable of an operation.
struct Default {
    operation: Arc<str>,
    number: Changed,
}

impl Changed {
    fn new(path: &[Step], written: &str) -> Self {
        Self { path: path.to_vec(), written: shown(written) }
    }

    /// Whether `path` is in the same top-level field as this number. One number of a field is enough to reject it.
    fn is_in_field_of(&self, path: &[Step]) -> bool {
        self.path.first() == path.first() && !path.is_empty()
    }
}

impl ChangedNumbers {
    /// Finds the changed numbers in a document and in the JSON of its `variables`; `None` if there are none.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` if a number is out of range of every numeric type.
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

    /// Rejects a number that parsing changed in `field` of `argument` of the field being resolved.
    pub(in crate::graphql) fn refuse_in(
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
                    "{argument}.{path}: the number {written} cannot be stored exactly; send it as a string"
                );
                return Err(ApiError::new(ErrorCode::BadUserInput, message));
            }
        }
        Ok(())
    }

    /// The first changed number within `field` that comes from the variable at `path`.
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

/// The changed numbers of the variables with these names.
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

/// The names of all variables in a document.
pub(crate) fn variables_in(document: &str) -> HashSet<&str> {
    let tokens = Tokens::of(document.as_bytes()).flatten();
    let pairs = tokens.clone().zip(tokens.skip(1));
    pairs.filter(|(dollar, _)| dollar.first() == b'$').map(|(_, name)| name.text()).collect()
}

fn beyond_all(path: &str, written: &str) -> ApiError {
    let written = shown(written);
    let message = format!("{path}: the number {written} is out of range; send it as a string");
    ApiError::new(ErrorCode::BadUserInput, message)
}

fn shown(written: &str) -> String {
    written.chars().take(SHOWN_CHARACTERS).collect()
}

/// Scans a document for numbers and variables.
struct Reading<'text> {
    document: &'text str,
    /// A byte offset and its line and column.
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
                // The last name before the variable definitions is the operation's name.
                _ if levels == 0 && token.is_name() => operation = token.text().into(),
                _ => {}
            }
        }
    }

    /// Scans arguments, or variable definitions with the arguments of their directives.
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
                    // Skips the colon before the type.
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

    /// Line and column of a byte offset, counted as the parser does. Offsets must be requested in ascending order.
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

/// Returns the number if parsing changes it. A number out of range is reported in `lost`.
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
