//! Vectors and pictures: whoever sees one leaves an entry in the audit log. A field that gives one has this type, and
//! needs to do nothing else.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{Context, ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use entity::ids::{AnyId, TypedId};

use super::context::{ContextExt, RequestContext};
use super::{ApiError, cost};
use crate::blobs::BlobName;
use crate::files::FileLinks;
use crate::rates::Rates;

/// A vector or a picture, in whatever form, and whose it is.
pub(super) struct Shown<T> {
    of: AnyId,
    what: T,
}

impl<T> Shown<T> {
    pub(super) fn new(of: impl TypedId, what: T) -> Self {
        Self { of: of.into(), what }
    }
}

impl Shown<String> {
    /// A link to a picture, by which whoever has it sees it.
    pub(super) fn link(
        context: &Context<'_>,
        of: impl TypedId,
        picture: &BlobName,
        content_type: &str,
    ) -> Result<Self, ApiError> {
        Ok(Self::new(of, context.part::<FileLinks>()?.link(picture, content_type)))
    }
}

impl<T: OutputType> OutputType for Shown<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn qualified_type_name() -> String {
        T::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        context: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let at = |error: async_graphql::Error| context.set_error_path(error.into_server_error(field.pos));
        let request = context.data::<RequestContext>().map_err(at)?;
        if request.trail().begins_showing() {
            let rates = context.data::<Rates>().map_err(at)?;
            request.pay(rates, cost::ENTRY).map_err(|error| at(error.into()))?;
        }
        let noted = request.trail().show(self.of).await;
        noted.map_err(|overrun| at(ApiError::from(overrun).into()))?;
        self.what.resolve(context, field).await
    }
}
