//! How a caller was authenticated.

use std::fmt;

use entity::ids::ApiKeyId;

use crate::ids;

/// How a caller was authenticated. Safe to log: it contains neither a person's name nor a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The server requires no key.
    Anonymous,
    /// The command line on the server's own machine.
    Shell,
    /// A key from the configuration: its position there, counted from 1.
    Configured(usize),
    /// A key stored in the database.
    Key(ApiKeyId),
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => formatter.write_str("anonymous"),
            Self::Shell => formatter.write_str("shell"),
            Self::Configured(place) => write!(formatter, "configured-{place}"),
            Self::Key(id) => formatter.write_str(&ids::show(*id)),
        }
    }
}
