//! The JSON form of a GraphQL request.

use std::collections::HashMap;

use async_graphql::Request as GraphQlRequest;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::persisted_documents::Documents;
use super::variables::Unread;
use crate::graphql::ErrorCode;
use crate::http::graphql::refusal::Refusal;

/// A request in JSON. Unknown fields are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object with a query")]
pub(super) struct Written<'body> {
    pub(super) query: Option<String>,
    pub(super) operation_name: Option<String>,
    #[serde(borrow)]
    pub(super) variables: Option<&'body RawValue>,
    #[serde(borrow)]
    pub(super) extensions: Option<Extensions<'body>>,
    /// The id of a trusted document.
    pub(super) document_id: Option<String>,
}

/// Unparsed extensions by name; only `persistedQuery` is used. A map, since serde would accept an array for a struct.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Extensions<'body>(#[serde(borrow)] HashMap<String, &'body RawValue>);

/// The extension of automatic persisted queries.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PersistedQuery {
    sha256_hash: String,
}

impl Extensions<'_> {
    fn persisted(&self) -> Option<String> {
        let query = serde_json::from_str::<PersistedQuery>(self.0.get("persistedQuery")?.get()).ok()?;
        Some(query.sha256_hash)
    }
}

impl Written<'_> {
    /// Converts to a request. `may_change` states whether it contains a number that parsing may change.
    pub(super) fn request(self, documents: &Documents, may_change: bool) -> Result<GraphQlRequest, Refusal> {
        let persisted = self.extensions.and_then(|extensions| extensions.persisted());
        let query = documents.find(self.query, self.document_id.as_deref().or(persisted.as_deref()))?;
        let mut request = GraphQlRequest::new(query);
        request.operation_name = self.operation_name;
        Unread { json: self.variables, may_change }.read_into(&mut request)?;
        Ok(request)
    }
}

/// Reads a request without files from JSON that has been measured.
pub(in crate::http) fn of_json(
    json: &[u8],
    may_change: bool,
    documents: &Documents,
) -> Result<GraphQlRequest, Refusal> {
    written::<Written>(json, "not a GraphQL request")?.request(documents, may_change)
}

pub(super) fn written<'json, T: Deserialize<'json>>(
    json: &'json [u8],
    otherwise: &str,
) -> Result<T, Refusal> {
    serde_json::from_slice(json).map_err(|error| bad(format!("{otherwise}: {error}")))
}

pub(super) fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::BadUserInput, message)
}
