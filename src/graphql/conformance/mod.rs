//! Where async-graphql 7 departs from the specification (October 2021), and clients would notice:
//!
//! - a variable that was not given reaches resolvers as null: [`omitted`] makes it an absent argument (6.4.1);
//! - a mutation's field takes effect as often as it is written, a subscription's is overlooked in a fragment:
//!   [`root_fields`] (6.2);
//! - a field that fails is left out, and keys come as their fields are done: [`completion`] (6.4.3, 6.4.4).
//!
//! All work on the document before it is validated or on the response after it was executed, and know no resolver.

mod completion;
mod omitted;
mod outline;
mod root_fields;
#[cfg(test)]
mod tests;
mod typed;

use std::sync::{Arc, OnceLock};

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextExecute, NextParseQuery, NextPrepareRequest,
};
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition};
use async_graphql::{Request, Response, ServerResult, Variables, async_trait};

use outline::Outline;

pub(super) use typed::Typed;

/// Adds the treatments to a schema.
pub(super) struct Conformance;

impl ExtensionFactory for Conformance {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(ConformanceOfRequest::default())
    }
}

#[derive(Default)]
struct ConformanceOfRequest {
    operation_name: OnceLock<String>,
    outline: OnceLock<Outline>,
}

#[async_trait::async_trait]
impl Extension for ConformanceOfRequest {
    async fn prepare_request(
        &self,
        context: &ExtensionContext<'_>,
        request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        if let Some(name) = &request.operation_name {
            self.operation_name.get_or_init(|| name.clone());
        }
        next.run(context, request).await
    }

    async fn parse_query(
        &self,
        context: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        let mut document = next.run(context, query, variables).await?;
        let name = self.operation_name.get().map(String::as_str);
        omitted::omit(&mut document, name, variables)?;
        root_fields::join(&mut document, name)?;
        if let Some(outline) = Outline::of(&mut document, name, variables) {
            self.outline.get_or_init(|| outline);
        }
        Ok(document)
    }

    async fn execute(
        &self,
        context: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let response = next.run(context, operation_name).await;
        match self.outline.get() {
            Some(outline) => completion::complete(response, outline, &context.schema_env.registry),
            None => response,
        }
    }
}

/// The operation that is asked for; when there is none, execution says why.
fn chosen<'document>(
    operations: &'document mut DocumentOperations,
    name: Option<&str>,
) -> Option<&'document mut OperationDefinition> {
    let operation = match (operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get_mut(name),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values_mut().next()
        }
        (DocumentOperations::Multiple(_), None) => None,
    };
    operation.map(|operation| &mut operation.node)
}

/// Leaves only the operation that is asked for: the others are not executed, and would not be valid any more when
/// fragments that they share were changed. Returns whether there were others.
fn drop_others(operations: &mut DocumentOperations, name: Option<&str>) -> bool {
    let DocumentOperations::Multiple(operations) = operations else { return false };
    let before = operations.len();
    // Without a name there is but one.
    operations.retain(|operation, _| name.is_none_or(|name| operation == name));
    operations.len() < before
}
