//! What the log, traces and metrics report about a request: its operation and outcome.

use std::fmt;

use async_graphql::Name;
use async_graphql::parser::types::OperationType;

use crate::graphql::ErrorCode;

/// The outcome of a request, attached to its response for observability.
#[derive(Clone, Default)]
pub(in crate::http) struct Outcome {
    /// The operation; `None` for requests other than GraphQL.
    pub(in crate::http) operation: Option<Operation>,
    /// The code of the first error.
    pub(in crate::http) code: Option<ErrorCode>,
}

/// The loggable part of an operation: its type, and its first field if that is in the schema. The operation's name is
/// omitted, since clients choose it and it could contain anything.
#[derive(Clone, Default)]
pub(in crate::http) struct Operation {
    kind: Kind,
    field: Option<Name>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Unknown,
    Batch,
    One(OperationType),
}

impl Operation {
    /// An operation of this type with its first field, if that is in the schema.
    pub(in crate::http) fn of(kind: OperationType, field: Option<Name>) -> Self {
        Self { kind: Kind::One(kind), field }
    }

    /// A batch of operations.
    pub(in crate::http) fn batch() -> Self {
        Self { kind: Kind::Batch, field: None }
    }

    pub(in crate::http) fn is(&self, kind: OperationType) -> bool {
        self.kind == Kind::One(kind)
    }

    pub(in crate::http) fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::One(OperationType::Query) => "query",
            Kind::One(OperationType::Mutation) => "mutation",
            Kind::One(OperationType::Subscription) => "subscription",
            Kind::Batch => "batch",
            Kind::Unknown => "unknown",
        }
    }

    pub(in crate::http) fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind_name())?;
        self.field().map_or(Ok(()), |field| write!(formatter, " {field}"))
    }
}
