//! What a GraphQL request consists of, wherever it is: in a JSON body, in a form, in the address.

use std::collections::{BTreeSet, HashMap};

use async_graphql::Request as GraphQlRequest;
use axum::extract::{Query, Request};
use axum::http::{HeaderMap, Uri, header};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::documents::Documents;
use super::host::is_of_foreign_page;
use super::json::{JsonLimits, Meter};
use super::multipart::read_form;
use super::refusal::Refusal;
use super::router::Edge;
use super::variables::Unread;
use crate::graphql::{ApiError, ErrorCode};

/// Headers that a foreign page cannot send without asking first (a preflight request).
const PREFLIGHTED: [&str; 5] =
    ["apollo-require-preflight", "x-apollo-operation-name", "x-requested-with", "x-api-key", "authorization"];

/// What is to be executed.
#[derive(Debug)]
pub enum Parameters {
    /// A request by itself.
    One(Box<GraphQlRequest>),
    /// Several, in the order of their answers.
    Batch(Vec<GraphQlRequest>),
}

/// One request as it is written in JSON. What is not known is not minded.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object with a query")]
struct Written<'body> {
    query: Option<String>,
    operation_name: Option<String>,
    #[serde(borrow)]
    variables: Option<&'body RawValue>,
    #[serde(borrow)]
    extensions: Option<Extensions<'body>>,
    /// Names a trusted document.
    document_id: Option<String>,
}

/// By their names, not read yet: only that of persisted queries is known. A map, since a struct could be an array too.
#[derive(Deserialize)]
#[serde(transparent)]
struct Extensions<'body>(#[serde(borrow)] HashMap<String, &'body RawValue>);

/// A document that was brought before, or is now to be kept.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PersistedQuery {
    sha256_hash: String,
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

impl Extensions<'_> {
    fn persisted(&self) -> Option<String> {
        let query = serde_json::from_str::<PersistedQuery>(self.0.get("persistedQuery")?.get()).ok()?;
        Some(query.sha256_hash)
    }
}

impl Written<'_> {
    /// The request, of which a number may be one that parsing changes.
    fn request(self, documents: &Documents, may_change: bool) -> Result<GraphQlRequest, Refusal> {
        let persisted = self.extensions.and_then(|extensions| extensions.persisted());
        let query = documents.find(self.query, self.document_id.as_deref().or(persisted.as_deref()))?;
        let mut request = GraphQlRequest::new(query);
        request.operation_name = self.operation_name;
        Unread { json: self.variables, may_change }.read_into(&mut request)?;
        Ok(request)
    }
}

/// Reads a request, holding it to its limits on the way.
pub(super) async fn read(edge: &Edge, request: Request) -> Result<Parameters, Refusal> {
    check_page(request.headers(), &edge.allowed_origins)?;
    if request.method().is_safe() {
        return in_address(request.uri(), edge).map(|request| Parameters::One(Box::new(request)));
    }
    match media_type(request.headers()).as_str() {
        "application/json" => Ok(read_json(request, &edge.documents, edge.json, edge.max_batch).await?),
        "multipart/form-data" => {
            check_preflighted(request.headers())?;
            let request =
                read_form(request, &edge.documents, edge.json, edge.limits.max_upload_bytes).await?;
            Ok(Parameters::One(Box::new(request)))
        }
        _ => {
            let message = "send application/json, or multipart/form-data with files";
            Err(Refusal::new(ErrorCode::UnsupportedMediaType, message))
        }
    }
}

/// A request without files, as its JSON has it, which was measured.
pub(super) fn of_json(
    json: &[u8],
    may_change: bool,
    documents: &Documents,
) -> Result<GraphQlRequest, Refusal> {
    written::<Written>(json, "no GraphQL request")?.request(documents, may_change)
}

/// Reads the JSON that `request` carries: a GraphQL request, or a list of at most `max_batch`.
///
/// # Errors
/// What is wrong with it, or too much of it.
pub async fn read_json(
    request: Request,
    documents: &Documents,
    limits: JsonLimits,
    max_batch: usize,
) -> Result<Parameters, ApiError> {
    let (body, meter) = measured(request, limits).await?;
    if body.trim_ascii_start().first() != Some(&b'[') {
        let request = written::<Written>(&body, "the body is no GraphQL request")?;
        return Ok(Parameters::One(Box::new(request.request(documents, meter.may_change())?)));
    }
    if max_batch == 0 {
        return Err(bad("batches are off; FACEQL_MAX_BATCH says how many requests one may hold").into());
    }
    let requests: Vec<Written> = written(&body, "the body is no batch of GraphQL requests")?;
    if requests.is_empty() || requests.len() > max_batch {
        return Err(bad(format!("a batch holds 1 to {max_batch} requests")).into());
    }
    let requests = requests.into_iter().map(|written| written.request(documents, meter.may_change()));
    Ok(Parameters::Batch(requests.collect::<Result<_, _>>()?))
}

/// The body of a request, measured while it arrives.
async fn measured(request: Request, limits: JsonLimits) -> Result<(Vec<u8>, Meter), Refusal> {
    let mut body = Vec::new();
    let (mut meter, mut pieces) = (Meter::new(limits), request.into_body().into_data_stream());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| bad("the request was cut off"))?;
        meter.read(&piece)?;
        body.extend_from_slice(&piece);
    }
    Ok((body, meter))
}

fn in_address(uri: &Uri, edge: &Edge) -> Result<GraphQlRequest, Refusal> {
    let Query(addressed) = Query::<Addressed>::try_from_uri(uri).map_err(|error| bad(error.body_text()))?;
    // An empty parameter is one that is left out.
    let object = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (variables, extensions) = (object(addressed.variables), object(addressed.extensions));
    let mut may_change = false;
    for json in [&variables, &extensions].into_iter().flatten() {
        may_change |= Meter::whole(edge.json, json.as_bytes())?.may_change();
    }
    let variables = variables.as_deref().map(|json| written(json.as_bytes(), "variables is no JSON object"));
    let extensions =
        extensions.as_deref().map(|json| written(json.as_bytes(), "extensions is no JSON object"));
    let request = Written {
        query: addressed.query,
        operation_name: addressed.operation_name.filter(|name| !name.is_empty()),
        variables: variables.transpose()?,
        extensions: extensions.transpose()?,
        document_id: addressed.document_id.filter(|id| !id.is_empty()),
    };
    request.request(&edge.documents, may_change)
}

fn written<'json, T: Deserialize<'json>>(json: &'json [u8], otherwise: &str) -> Result<T, Refusal> {
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

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::BadUserInput, message)
}
