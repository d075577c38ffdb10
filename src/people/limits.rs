//! What callers may say of a person, and how much.

use chrono::{DateTime, TimeDelta, Utc};
use entity::person;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PeopleError;
use super::name::fold;
use crate::metadata;

/// Longest gallery name, external id and display name, in characters.
pub const MAX_NAME_CHARACTERS: usize = 255;

/// Longest reference to a consent, in characters.
const MAX_REFERENCE_CHARACTERS: usize = 1000;

/// How far a caller's clock may be ahead of ours.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// What an update says of a field.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
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

/// What an enrollment or an update says of a person.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PersonChanges {
    /// What people call the person.
    pub display_name: Change<String>,
    /// Whatever the caller wants to keep.
    pub metadata: Change<Value>,
    /// Given again, it replaces the former one; it cannot be cleared.
    pub consent: Option<Consent>,
}

impl PersonChanges {
    /// Refuses a name or metadata that is too long, and a consent of the future.
    ///
    /// # Errors
    /// [`PeopleError::BadInput`] says what is wrong.
    pub fn check(&self, now: DateTime<Utc>) -> Result<(), PeopleError> {
        if let Some(name) = self.display_name.as_set() {
            check_name("displayName", name)?;
        }
        metadata::compact(self.metadata.as_set())
            .map_err(|error| PeopleError::BadInput(error.to_string()))?;
        self.consent.as_ref().map_or(Ok(()), |consent| consent.check(now))
    }

    pub(super) fn apply(self, person: &mut person::Model) {
        person.display_name = self.display_name.apply(person.display_name.take());
        person.display_name_folded = person.display_name.as_deref().map(fold);
        person.metadata = self.metadata.apply(person.metadata.take());
        if let Some(Consent { granted_at, reference }) = self.consent {
            person.consent_granted_at = granted_at;
            person.consent_reference = reference;
        }
    }
}

/// That a person agreed to be enrolled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
            Some(text) => check_storable("consent.reference", text),
            None => Ok(()),
        }
    }
}

/// Refuses a name that is empty, too long or holds a NUL character; `what` is the argument's name.
///
/// # Errors
/// [`PeopleError::BadInput`] says what is wrong.
pub fn check_name(what: &str, name: &str) -> Result<(), PeopleError> {
    if (1..=MAX_NAME_CHARACTERS).contains(&name.chars().count()) {
        return check_storable(what, name);
    }
    Err(PeopleError::BadInput(format!("{what} has 1 to {MAX_NAME_CHARACTERS} characters")))
}

/// Refuses text that not every database can store.
fn check_storable(what: &str, text: &str) -> Result<(), PeopleError> {
    if text.contains('\0') {
        return Err(PeopleError::BadInput(format!("{what} must not contain a NUL character (U+0000)")));
    }
    Ok(())
}
