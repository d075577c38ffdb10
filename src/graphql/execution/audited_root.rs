//! Writes an audit log entry for every mutation, whatever its outcome, and for every subscription event that contains
//! vectors or images. Resolvers need no code for this.

use std::borrow::Cow;
use std::pin::Pin;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::{ContainerType, resolve_container_serial};
use async_graphql::{
    Context, ContextSelectionSet, ObjectType, OutputType, Positioned, Response, ServerResult,
    SubscriptionType, Value,
};
use futures_util::{Stream, StreamExt};

use crate::graphql::ApiError;
use crate::graphql::context::ContextExt;
use crate::graphql::error::code_of;

/// A root type whose fields are audited.
#[derive(Default)]
pub struct AuditedRoot<T>(T);

impl<T: ObjectType> ContainerType for AuditedRoot<T> {
    async fn resolve_field(&self, context: &Context<'_>) -> ServerResult<Option<Value>> {
        let refused = |error: ApiError| {
            let error = async_graphql::Error::from(error).into_server_error(context.item.pos);
            context.set_error_path(error)
        };
        let trail = context.trail().map_err(refused)?;
        let doing = trail.begin(&context.item.node.name.node).await;
        let doing = doing.map_err(|overrun| refused(overrun.into()))?;
        let resolved = self.0.resolve_field(context).await;
        doing.end(resolved.as_ref().err().map(code_of));
        resolved
    }
}

impl<T: ObjectType> OutputType for AuditedRoot<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, context: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        resolve_container_serial(context, self).await
    }
}

impl<T: ObjectType> ObjectType for AuditedRoot<T> {}

impl<T: SubscriptionType> SubscriptionType for AuditedRoot<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    fn create_field_stream<'a>(
        &'a self,
        context: &'a Context<'_>,
    ) -> Option<Pin<Box<dyn Stream<Item = Response> + Send + 'a>>> {
        let events = self.0.create_field_stream(context)?;
        let Ok(trail) = context.trail().cloned() else { return Some(events) };
        // A subscription may last for days, so its entries are written after each event.
        Some(events.inspect(move |_| trail.flush()).boxed())
    }
}
