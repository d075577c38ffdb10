//! How people are named, and what is said of them.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, OneofObject};
use chrono::{DateTime, Utc};

use crate::graphql::context::ContextExt;
use crate::graphql::{ApiError, ids};
use crate::people::{Change, Consent, PersonKey, PersonRef};

/// Exactly one way to name a person.
#[derive(OneofObject)]
#[graphql(name = "PersonRef")]
pub(in crate::graphql) enum PersonRefInput {
    /// `person_…`
    Id(ID),
    /// The caller's own key.
    Key(PersonKeyInput),
}

/// The caller's own key of a person.
#[derive(InputObject)]
#[graphql(name = "PersonKey")]
pub(in crate::graphql) struct PersonKeyInput {
    /// The gallery that the person is in.
    #[graphql(default = "default")]
    gallery: String,
    /// The caller's own key for the person, unique in its gallery; 1 to 255 characters, in any Unicode form.
    external_id: String,
}

/// A consent to be recorded.
#[derive(InputObject)]
pub(in crate::graphql) struct ConsentInput {
    /// When the person agreed to be enrolled; not in the future.
    granted_at: DateTime<Utc>,
    /// Where the proof of it is kept; up to 1,000 characters.
    reference: Option<String>,
}

impl PersonRefInput {
    /// Whom a mutation is about; noted when it is by our id.
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

/// Absent stays, null clears.
pub(super) fn change<T>(field: MaybeUndefined<T>) -> Change<T> {
    match field {
        MaybeUndefined::Undefined => Change::Keep,
        MaybeUndefined::Null => Change::Clear,
        MaybeUndefined::Value(value) => Change::Set(value),
    }
}
