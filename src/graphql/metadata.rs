//! The caller's own JSON as an argument: kept as it was written, or refused.

use std::borrow::Cow;

use async_graphql::registry::Registry;
use async_graphql::{Context, InputType, InputValueError, InputValueResult, MaybeUndefined, Value};
use serde_json::Value as Json;

use super::ApiError;
use super::written_numbers::ChangedNumbers;
use crate::people::Change;

/// `JSON`, which only [`Self::kept`] gives out: what async-graphql makes of it holds numbers that are not those that were
/// written.
pub(super) struct Metadata(Json);

impl Metadata {
    /// The metadata of `input`, when it is what was written.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` names the number that is not.
    pub(super) fn kept(self, context: &Context<'_>) -> Result<Json, ApiError> {
        if let Some(changed) = context.data_opt::<ChangedNumbers>() {
            changed.refuse_in(context, "input", "metadata")?;
        }
        Ok(self.0)
    }

    /// What an update says of it: absent stays, null clears, and so does JSON's null.
    pub(super) fn change(
        this: MaybeUndefined<Self>,
        context: &Context<'_>,
    ) -> Result<Change<Json>, ApiError> {
        Ok(match this {
            MaybeUndefined::Undefined => Change::Keep,
            MaybeUndefined::Null | MaybeUndefined::Value(Self(Json::Null)) => Change::Clear,
            MaybeUndefined::Value(metadata) => Change::Set(metadata.kept(context)?),
        })
    }
}

impl InputType for Metadata {
    type RawValueType = Json;

    fn type_name() -> Cow<'static, str> {
        <Json as InputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Json as InputType>::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        // Not by reading it as JSON, which takes some keys for its own signs.
        value.unwrap_or_default().into_json().map(Self).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        InputType::to_value(&self.0)
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        Some(&self.0)
    }
}
