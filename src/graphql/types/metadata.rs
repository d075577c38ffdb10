//! The caller's own JSON as an argument: stored exactly as written, or rejected.

use std::borrow::Cow;

use async_graphql::registry::Registry;
use async_graphql::{Context, InputType, InputValueError, InputValueResult, MaybeUndefined, Value};
use serde_json::Value as Json;

use super::written_numbers::ChangedNumbers;
use crate::graphql::ApiError;
use crate::people::Change;

/// A `JSON` argument. async-graphql may round its numbers while parsing, so the value is only accessible through
/// [`Self::kept`], which rejects rounded numbers.
pub(in crate::graphql) struct Metadata(Json);

impl Metadata {
    /// The metadata of the argument `input`.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` if parsing changed a number; the message names it.
    pub(in crate::graphql) fn kept(self, context: &Context<'_>) -> Result<Json, ApiError> {
        if let Some(changed) = context.data_opt::<ChangedNumbers>() {
            changed.refuse_in(context, "input", "metadata")?;
        }
        Ok(self.0)
    }

    /// Converts an update: absent keeps the value; null, or JSON's null in a variable, clears it.
    pub(in crate::graphql) fn change(
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
        // Not deserialized by `serde_json`, which interprets some reserved keys.
        value.unwrap_or_default().into_json().map(Self).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        InputType::to_value(&self.0)
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        Some(&self.0)
    }
}
