//! Inputs that identify a person and record consent.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, OneofObject};
use chrono::{DateTime, Utc};

use crate::graphql::context::ContextExt;
use crate::graphql::{ApiError, ids};
use crate::people::{Change, Consent, PersonKey, PersonRef};

/// Identifies a person in exactly one way.
#[derive(OneofObject)]
#[graphql(name = "PersonRef")]
pub(in crate::graphql) enum PersonRefInput {
    /// Id of the person, `person_…`.
    Id(ID),
    /// Gallery and key of the caller.
    Key(PersonKeyInput),
}

/// Identifies a person by gallery and the caller's own key.
#[derive(InputObject)]
#[graphql(name = "PersonKey")]
pub(in crate::graphql) struct PersonKeyInput {
    /// Name of the gallery, 1 to 255 characters.
    #[graphql(default = "default")]
    gallery: String,
    /// The caller's own key for the person, unique in the gallery; 1 to 255 characters. Unicode forms of the same text
    /// are the same key.
    external_id: String,
}

/// A person's consent to be enrolled.
#[derive(InputObject)]
pub(in crate::graphql) struct ConsentInput {
    /// When the person agreed to be enrolled; not in the future (a clock difference of 5 minutes is tolerated).
    granted_at: DateTime<Utc>,
    /// Where the caller keeps the proof of the consent; up to 1,000 characters.
    reference: Option<String>,
}

impl PersonRefInput {
    /// Converts the target of a mutation. An id is noted in the audit trail; a key is resolved by the domain.
    pub(super) fn target(self, context: &Context<'_>) -> Result<PersonRef, ApiError> {
        let who = self.try_into()?;
        if let PersonRef::Id(id) = who {
            context.trail()?.about([id.into()]);
        }
        Ok(who)
    }
}

impl TryFrom<PersonRefInput> for PersonRef {
    type Error = ApiError;

    fn try_from(input: PersonRefInput) -> Result<Self, ApiError> {
        match input {
            PersonRefInput::Id(id) => ids::parse(&id).map(Self::Id),
            PersonRefInput::Key(PersonKeyInput { gallery, external_id }) => {
                Ok(Self::Key(PersonKey { gallery, external_id }))
            }
        }
    }
}

impl From<ConsentInput> for Consent {
    fn from(ConsentInput { granted_at, reference }: ConsentInput) -> Self {
        Self { granted_at, reference }
    }
}

/// An absent field keeps its value, null clears it.
pub(super) fn change<T>(field: MaybeUndefined<T>) -> Change<T> {
    match field {
        MaybeUndefined::Undefined => Change::Keep,
        MaybeUndefined::Null => Change::Clear,
        MaybeUndefined::Value(value) => Change::Set(value),
    }
}
