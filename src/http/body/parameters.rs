//! Reads GraphQL requests from JSON bodies, multipart forms and query strings.

use std::collections::BTreeSet;

use async_graphql::Request as GraphQlRequest;
use axum::extract::{Query, Request};
use axum::http::{HeaderMap, Uri, header};
use futures_util::StreamExt;
use serde::Deserialize;

use super::json::{JsonLimits, Meter};
use super::multipart::read_form;
use super::persisted_documents::Documents;
use super::written::{Written, bad, written};
use crate::graphql::{ApiError, ErrorCode};
use crate::http::auth::origin_guard::is_of_foreign_page;
use crate::http::graphql::refusal::Refusal;

/// Headers that a foreign page cannot send without a CORS preflight request.
const PREFLIGHTED: [&str; 5] =
    ["apollo-require-preflight", "x-apollo-operation-name", "x-requested-with", "x-api-key", "authorization"];

/// The GraphQL requests in one HTTP request.
#[derive(Debug)]
pub enum Parameters {
    /// A single request.
    One(Box<GraphQlRequest>),
    /// A batch, in the order of the responses.
    Batch(Vec<GraphQlRequest>),
}

/// A request in a query string; variables and extensions are JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Addressed {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
    document_id: Option<String>,
}

/// Reads GraphQL requests and refuses malformed and too large ones.
pub struct RequestReader {
    /// Persisted and trusted documents.
    pub documents: Documents,
    /// Limits on a request's JSON.
    pub json: JsonLimits,
    /// Maximum number of requests in a batch; 0 disables batches.
    pub max_batch: usize,
    /// Maximum size of an uploaded file, in bytes.
    pub max_upload_bytes: u64,
    /// Origins of web pages that may call the server in addition to its own.
    pub allowed_origins: BTreeSet<String>,
}

impl RequestReader {
    /// Reads a request from the query string for `GET`, from the body for `POST`.
    pub(in crate::http) async fn read(&self, request: Request) -> Result<Parameters, Refusal> {
        check_page(request.headers(), &self.allowed_origins)?;
        if request.method().is_safe() {
            return self.in_address(request.uri()).map(|request| Parameters::One(Box::new(request)));
        }
        match media_type(request.headers()).as_str() {
            "application/json" => Ok(read_json(request, &self.documents, self.json, self.max_batch).await?),
            "multipart/form-data" => {
                check_preflighted(request.headers())?;
                let request = read_form(request, &self.documents, self.json, self.max_upload_bytes).await?;
                Ok(Parameters::One(Box::new(request)))
            }
            _ => {
                let message = "the media type must be application/json, or multipart/form-data for files";
                Err(Refusal::new(ErrorCode::UnsupportedMediaType, message))
            }
        }
    }

    fn in_address(&self, uri: &Uri) -> Result<GraphQlRequest, Refusal> {
        let Query(addressed) =
            Query::<Addressed>::try_from_uri(uri).map_err(|error| bad(error.body_text()))?;
        // An empty parameter counts as absent.
        let object = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (variables, extensions) = (object(addressed.variables), object(addressed.extensions));
        let mut may_change = false;
        for json in [&variables, &extensions].into_iter().flatten() {
            may_change |= Meter::whole(self.json, json.as_bytes())?.may_change();
        }
        let variables =
            variables.as_deref().map(|json| written(json.as_bytes(), "variables is not a JSON object"));
        let extensions =
            extensions.as_deref().map(|json| written(json.as_bytes(), "extensions is not a JSON object"));
        let request = Written {
            query: addressed.query,
            operation_name: addressed.operation_name.filter(|name| !name.is_empty()),
            variables: variables.transpose()?,
            extensions: extensions.transpose()?,
            document_id: addressed.document_id.filter(|id| !id.is_empty()),
        };
        request.request(&self.documents, may_change)
    }
}

/// Reads a JSON body: a GraphQL request, or a list of at most `max_batch` of them.
///
/// # Errors
/// When the body is malformed or exceeds a limit.
pub async fn read_json(
    request: Request,
    documents: &Documents,
    limits: JsonLimits,
    max_batch: usize,
) -> Result<Parameters, ApiError> {
    let (body, meter) = measured(request, limits).await?;
    if body.trim_ascii_start().first() != Some(&b'[') {
        let request = written::<Written>(&body, "the body is not a GraphQL request")?;
        return Ok(Parameters::One(Box::new(request.request(documents, meter.may_change())?)));
    }
    if max_batch == 0 {
        return Err(bad("batches are disabled; set FACEQL_MAX_BATCH to enable them").into());
    }
    let requests: Vec<Written> = written(&body, "the body is not a batch of GraphQL requests")?;
    if requests.is_empty() || requests.len() > max_batch {
        return Err(bad(format!("a batch must have 1 to {max_batch} requests")).into());
    }
    let requests = requests.into_iter().map(|written| written.request(documents, meter.may_change()));
    Ok(Parameters::Batch(requests.collect::<Result<_, _>>()?))
}

/// Reads the body of a request and measures it while it arrives.
async fn measured(request: Request, limits: JsonLimits) -> Result<(Vec<u8>, Meter), Refusal> {
    let mut body = Vec::new();
    let (mut meter, mut pieces) = (Meter::new(limits), request.into_body().into_data_stream());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| bad("the request body ended early"))?;
        meter.read(&piece)?;
        body.extend_from_slice(&piece);
    }
    Ok((body, meter))
}

/// Any page can make its visitor's browser load an image, follow a link or submit a form without a preflight request.
fn check_page(headers: &HeaderMap, allowed_origins: &BTreeSet<String>) -> Result<(), Refusal> {
    if is_preflighted(headers) || !is_of_foreign_page(headers, allowed_origins) {
        return Ok(());
    }
    let message =
        "web pages of other origins may not send this request; FACEQL_ALLOWED_ORIGINS can allow them";
    Err(Refusal::new(ErrorCode::CsrfRefused, message))
}

/// Older browsers do not state the origin of a form, so an upload must have a header that forces a preflight request.
fn check_preflighted(headers: &HeaderMap) -> Result<(), Refusal> {
    if is_preflighted(headers) {
        return Ok(());
    }
    let message =
        "an upload requires a header that forces a preflight request, such as Apollo-Require-Preflight: 1";
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
