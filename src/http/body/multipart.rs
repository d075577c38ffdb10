//! Reads a GraphQL multipart request: `operations`, then `map`, then the files. Every part is measured while it streams
//! in and refused as soon as it exceeds a limit.

use std::collections::{HashMap, HashSet};

use async_graphql::{Request as GraphQlRequest, UploadValue};
use axum::extract::Request;
use bytes::Bytes;

use super::form::{Form, content};
use super::json::{JsonLimits, Meter};
use super::persisted_documents::Documents;
use super::written::of_json;
use crate::graphql::{ApiError, ErrorCode};
use crate::http::graphql::refusal::Refusal;

/// Maximum number of files in a request, and of variables that they are assigned to.
const MAX_FILES: usize = 20;

/// For each file part, the paths of the variables that it is assigned to.
type Map = HashMap<String, Vec<String>>;

/// Reads a multipart request with files of at most `max_file_bytes` bytes each.
///
/// # Errors
/// When the form is malformed or exceeds a limit.
pub async fn read_form(
    request: Request,
    documents: &Documents,
    json: JsonLimits,
    max_file_bytes: u64,
) -> Result<GraphQlRequest, ApiError> {
    let mut form = Form::of(request).await?;
    let (operations, meter) = json_part(&mut form, "operations", json).await?;
    let mut request = of_json(&operations, meter.may_change(), documents)?;
    let mut map = read_map(&json_part(&mut form, "map", json).await?.0)?;
    check(&map)?;
    while let Some(field) = form.next().await? {
        let name = field.name().unwrap_or_default().to_owned();
        let Some(variables) = map.remove(&name) else {
            let message = format!("the part '{name}' is not in the map");
            return Err(ApiError::new(ErrorCode::BadUserInput, message));
        };
        let content = content(field, max_file_bytes).await?;
        for variable in variables {
            let set = request.uploads.len();
            // The file's name and claimed media type are not used: the type is determined from the content.
            let upload =
                UploadValue { filename: String::new(), content_type: None, content: content.clone() };
            request.set_upload(&variable, upload);
            // `set_upload` does nothing when the path does not exist.
            if request.uploads.len() == set {
                let message = format!("the operations have no variable '{variable}', which the map names");
                return Err(ApiError::new(ErrorCode::BadUserInput, message));
            }
        }
    }
    match map.keys().next() {
        None => Ok(request),
        Some(name) => {
            Err(ApiError::new(ErrorCode::NoImage, format!("the file '{name}' of the map is missing")))
        }
    }
}

/// Limits the number of paths, since each costs a walk through the variables and an entry in the list of uploads.
fn check(map: &Map) -> Result<(), Refusal> {
    let variables: Vec<&String> = map.values().flatten().collect();
    if map.len().max(variables.len()) > MAX_FILES {
        let message = format!("a request has at most {MAX_FILES} files, for as many variables");
        return Err(Refusal::new(ErrorCode::BadUserInput, message));
    }
    if variables.iter().collect::<HashSet<_>>().len() < variables.len() {
        return Err(Refusal::new(ErrorCode::BadUserInput, "the map names a variable twice"));
    }
    Ok(())
}

fn read_map(json: &[u8]) -> Result<Map, Refusal> {
    let map = serde_json::from_slice(json);
    map.map_err(|error| Refusal::new(ErrorCode::BadUserInput, format!("'map' is invalid: {error}")))
}

/// Reads the next part, which must have this name and contain JSON.
async fn json_part(form: &mut Form, name: &str, limits: JsonLimits) -> Result<(Bytes, Meter), Refusal> {
    let field = form.next().await?;
    let Some(field) = field.filter(|field| field.name() == Some(name)) else {
        let message = format!(
            "the parts of a GraphQL upload are operations, map, files, in this order; '{name}' is missing"
        );
        return Err(Refusal::new(ErrorCode::BadUserInput, message));
    };
    let json = content(field, limits.bytes as u64).await?;
    let meter = Meter::whole(limits, &json)?;
    Ok((json, meter))
}
