//! What a GraphQL request consists of, wherever it is: in a JSON body, in a form, in the address.

use std::collections::BTreeSet;

use async_graphql::{Request as GraphQlRequest, Variables};
use axum::body::Bytes;
use axum::extract::{FromRequest, Query, Request};
use axum::http::{HeaderMap, Uri, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::documents::Documents;
use super::host::is_of_foreign_page;
use super::multipart::read_form;
use super::refusal::Refusal;
use super::router::Edge;
use crate::graphql::ErrorCode;

/// Headers that a foreign page cannot send without asking first (a preflight request).
const PREFLIGHTED: [&str; 5] =
    ["apollo-require-preflight", "x-apollo-operation-name", "x-requested-with", "x-api-key", "authorization"];

/// What is to be executed.
pub(super) enum Parameters {
    One(Box<GraphQlRequest>),
    Batch(Vec<GraphQlRequest>),
}

/// One request as it is written in JSON. What is not known is not minded.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object with a query")]
struct Written {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<Map<String, Value>>,
    extensions: Option<Map<String, Value>>,
    /// Names a trusted document.
    document_id: Option<String>,
}

/// One request as it is written in an address: variables and extensions are JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Addressed {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
    document_id: Option<String>,
}

impl Written {
    fn request(self, documents: &Documents) -> Result<GraphQlRequest, Refusal> {
        let extensions = self.extensions.unwrap_or_default();
        let persisted = extensions.get("persistedQuery").and_then(|query| query["sha256Hash"].as_str());
        let query = documents.find(self.query, self.document_id.as_deref().or(persisted))?;
        let mut request = GraphQlRequest::new(query);
        request.operation_name = self.operation_name;
        request.variables = Variables::from_json(Value::Object(self.variables.unwrap_or_default()));
        let values = extensions.into_iter();
        let values =
            values.filter_map(|(name, value)| Some((name, async_graphql::Value::from_json(value).ok()?)));
        request.extensions = async_graphql::Extensions(values.collect());
        Ok(request)
    }
}

/// Reads a request, holding it to its limits on the way.
pub(super) async fn read(edge: &Edge, request: Request) -> Result<Parameters, Refusal> {
    check_page(request.headers(), &edge.allowed_origins)?;
    if request.method().is_safe() {
        return in_address(request.uri(), &edge.documents).map(|request| Parameters::One(Box::new(request)));
    }
    match media_type(request.headers()).as_str() {
        "application/json" => {
            let body =
                Bytes::from_request(request, &()).await.map_err(|error| too_large_or_broken(&error))?;
            in_body(&body, edge)
        }
        "multipart/form-data" => {
            check_preflighted(request.headers())?;
            let request = read_form(request, &edge.documents, edge.limits.max_upload_bytes).await?;
            Ok(Parameters::One(Box::new(request)))
        }
        _ => {
            let message = "send application/json, or multipart/form-data with files";
            Err(Refusal::new(ErrorCode::UnsupportedMediaType, message))
        }
    }
}

/// A request that was read as JSON, without files.
pub(super) fn of_json(json: Value, documents: &Documents) -> Result<GraphQlRequest, Refusal> {
    let written = serde_json::from_value::<Written>(json);
    written.map_err(|error| bad(format!("no GraphQL request: {error}")))?.request(documents)
}

fn in_body(body: &[u8], edge: &Edge) -> Result<Parameters, Refusal> {
    if body.trim_ascii_start().first() != Some(&b'[') {
        let request = written::<Written>(body, "the body is no GraphQL request")?.request(&edge.documents)?;
        return Ok(Parameters::One(Box::new(request)));
    }
    let max_batch = edge.max_batch;
    if max_batch == 0 {
        return Err(bad("batches are off; FACEQL_MAX_BATCH says how many requests one may hold"));
    }
    let requests: Vec<Written> = written(body, "the body is no batch of GraphQL requests")?;
    if requests.is_empty() || requests.len() > max_batch {
        return Err(bad(format!("a batch holds 1 to {max_batch} requests")));
    }
    let requests = requests.into_iter().map(|written| written.request(&edge.documents));
    requests.collect::<Result<_, _>>().map(Parameters::Batch)
}

fn in_address(uri: &Uri, documents: &Documents) -> Result<GraphQlRequest, Refusal> {
    let Query(addressed) = Query::<Addressed>::try_from_uri(uri).map_err(|error| bad(error.body_text()))?;
    let object = |name: &str, text: Option<String>| {
        // An empty parameter is one that is left out.
        let text = text.filter(|text| !text.is_empty());
        text.map(|text| written(text.as_bytes(), &format!("{name} is no JSON object"))).transpose()
    };
    let request = Written {
        query: addressed.query,
        operation_name: addressed.operation_name.filter(|name| !name.is_empty()),
        variables: object("variables", addressed.variables)?,
        extensions: object("extensions", addressed.extensions)?,
        document_id: addressed.document_id.filter(|id| !id.is_empty()),
    };
    request.request(documents)
}

fn written<T: DeserializeOwned>(json: &[u8], otherwise: &str) -> Result<T, Refusal> {
    serde_json::from_slice(json).map_err(|error| bad(format!("{otherwise}: {error}")))
}

/// Any page can have its visitor's browser ask for an image, follow a link or send a form, all without asking first.
fn check_page(headers: &HeaderMap, allowed_origins: &BTreeSet<String>) -> Result<(), Refusal> {
    if is_preflighted(headers) || !is_of_foreign_page(headers, allowed_origins) {
        return Ok(());
    }
    let message = "a web page of another origin may not send this; FACEQL_ALLOWED_ORIGINS can let it";
    Err(Refusal::new(ErrorCode::CsrfRefused, message))
}

/// Older browsers do not say which page sends a form: one of these headers shows that it is none that may not.
fn check_preflighted(headers: &HeaderMap) -> Result<(), Refusal> {
    if is_preflighted(headers) {
        return Ok(());
    }
    let message =
        "an upload needs a header that a foreign page cannot send, such as Apollo-Require-Preflight: 1";
    Err(Refusal::new(ErrorCode::CsrfRefused, message))
}

fn is_preflighted(headers: &HeaderMap) -> bool {
    PREFLIGHTED.iter().any(|name| headers.contains_key(*name))
}

fn media_type(headers: &HeaderMap) -> String {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn too_large_or_broken(error: &axum::extract::rejection::BytesRejection) -> Refusal {
    if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        let message = "the request has more bytes than FACEQL_MAX_REQUEST_BYTES allows";
        Refusal::new(ErrorCode::PayloadTooLarge, message)
    } else {
        bad("the request was cut off")
    }
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::BadUserInput, message)
}
