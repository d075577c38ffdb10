//! The data that callers may set on a person, and its limits.

use chrono::{DateTime, TimeDelta, Utc};
use entity::person;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PeopleError;
use super::names::{check_name, check_storable, fold};
use crate::store::metadata;

/// Maximum length of a consent reference, in characters.
const MAX_REFERENCE_CHARACTERS: usize = 1000;

/// How far a caller's clock may be ahead of the server's.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// A change to an optional field.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub enum Change<T> {
    /// Leaves the value unchanged.
    #[default]
    Keep,
    /// Removes the value.
    Clear,
    /// Sets a new value.
    Set(T),
}

impl<T> Change<T> {
    /// The value after the change, given the value `before`.
    pub fn apply(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The new value, if one is set.
    pub fn as_set(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

/// Changes that an enrollment or an update makes to a person.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PersonChanges {
    /// Name shown to users.
    pub display_name: Change<String>,
    /// JSON metadata of the caller.
    pub metadata: Change<Value>,
    /// Replaces the recorded consent if given; a consent cannot be cleared.
    pub consent: Option<Consent>,
}

impl PersonChanges {
    /// Checks the length of the name and the metadata, and that the consent does not lie in the future.
    ///
    /// # Errors
    /// [`PeopleError::BadInput`] with the reason.
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

/// A person's consent to be enrolled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Consent {
    /// When the consent was granted.
    pub granted_at: DateTime<Utc>,
    /// Where the caller stores the proof of consent.
    pub reference: Option<String>,
}

impl Consent {
    /// Checks that the consent does not lie in the future and that its reference is not too long.
    ///
    /// # Errors
    /// [`PeopleError::BadInput`] with the reason.
    pub fn check(&self, now: DateTime<Utc>) -> Result<(), PeopleError> {
        if self.granted_at > now + CLOCK_TOLERANCE {
            return Err(PeopleError::BadInput("consent.grantedAt must not be in the future".into()));
        }
        match &self.reference {
            Some(text) if text.chars().count() > MAX_REFERENCE_CHARACTERS => Err(PeopleError::BadInput(
                format!("consent.reference must have at most {MAX_REFERENCE_CHARACTERS} characters"),
            )),
            Some(text) => check_storable("consent.reference", text),
            None => Ok(()),
        }
    }
}
