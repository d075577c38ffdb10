//! Fields that return vectors or images. Reading one writes an entry to the audit log; a resolver only needs to return
//! this type.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{Context, ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use entity::ids::{AnyId, TypedId};

use super::complexity;
use crate::access::file_links::FileLinks;
use crate::access::rates::Rates;
use crate::graphql::ApiError;
use crate::graphql::context::{ContextExt, RequestContext};
use crate::store::blobs::BlobName;

/// A vector or an image in any form, and the id of its owner.
pub(in crate::graphql) struct AuditedField<T> {
    of: AnyId,
    what: T,
}

impl<T> AuditedField<T> {
    pub(in crate::graphql) fn new(of: impl TypedId, what: T) -> Self {
        Self { of: of.into(), what }
    }
}

impl AuditedField<String> {
    /// A signed link to an image. It needs no API key, so that creating it is audited as reading the image.
    pub(in crate::graphql) fn link(
        context: &Context<'_>,
        of: impl TypedId,
        picture: &BlobName,
        content_type: &str,
    ) -> Result<Self, ApiError> {
        Ok(Self::new(of, context.part::<FileLinks>()?.link(picture, content_type)))
    }
}

impl<T: OutputType> OutputType for AuditedField<T> {
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
            request.pay(rates, complexity::ENTRY).map_err(|error| at(error.into()))?;
        }
        let noted = request.trail().show(self.of).await;
        noted.map_err(|overrun| at(ApiError::from(overrun).into()))?;
        self.what.resolve(context, field).await
    }
}
