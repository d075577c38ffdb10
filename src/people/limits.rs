//! What callers may say of a person, and how much.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PeopleError;

/// Longest gallery name, external id and display name, in characters.
pub const MAX_NAME_CHARACTERS: usize = 255;

/// Largest metadata, as compact JSON.
pub const MAX_METADATA_BYTES: usize = 16_384;

/// Longest reference to a consent, in characters.
const MAX_REFERENCE_CHARACTERS: usize = 1000;

/// How far a caller's clock may be ahead of ours.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// What an update says of a field.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Change<T> {
    /// Nothing: it stays.
    #[default]
    Keep,
    /// It has no value any more.
    Clear,
    /// It has this value now.
    Set(T),
}

impl<T> Change<T> {
    /// The value afterwards, when it was `before`.
    pub fn apply(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The value that is set, if one is.
    pub fn as_set(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

/// That a person agreed to be enrolled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Consent {
    /// When.
    pub granted_at: DateTime<Utc>,
    /// Where the caller keeps the proof of it.
    pub reference: Option<String>,
}

impl Consent {
    /// Refuses a consent of the future, and a reference that is too long.
    ///
    /// # Errors
    /// [`PeopleError::BadInput`] says what is wrong.
    pub fn check(&self, now: DateTime<Utc>) -> Result<(), PeopleError> {
        if self.granted_at > now + CLOCK_TOLERANCE {
            return Err(PeopleError::BadInput("consent.grantedAt lies in the future".into()));
        }
        match &self.reference {
            Some(text) if text.chars().count() > MAX_REFERENCE_CHARACTERS => Err(PeopleError::BadInput(
                format!("consent.reference has at most {MAX_REFERENCE_CHARACTERS} characters"),
            )),
            _ => Ok(()),
        }
    }
}

/// Refuses a name that is empty or too long; `what` is the argument's name.
///
/// # Errors
/// [`PeopleError::BadInput`] says what is wrong.
pub fn check_name(what: &str, name: &str) -> Result<(), PeopleError> {
    if (1..=MAX_NAME_CHARACTERS).contains(&name.chars().count()) {
        return Ok(());
    }
    Err(PeopleError::BadInput(format!("{what} has 1 to {MAX_NAME_CHARACTERS} characters")))
}

/// Refuses metadata that is too large.
pub(super) fn check_metadata(metadata: Option<&Value>) -> Result<(), PeopleError> {
    match metadata {
        Some(value) if value.to_string().len() > MAX_METADATA_BYTES => {
            Err(PeopleError::BadInput(format!("metadata has at most {MAX_METADATA_BYTES} bytes as JSON")))
        }
        _ => Ok(()),
    }
}
