//! Reads a GraphQL multipart request: `operations`, then `map`, then the files. Every part is counted while it
//! streams in, and refused as soon as it is too much.

use std::collections::{HashMap, HashSet};

use async_graphql::{Request as GraphQlRequest, UploadValue};
use axum::extract::Request;
use bytes::Bytes;

use super::documents::Documents;
use super::form::{Form, content};
use super::json::{JsonLimits, Meter};
use super::parameters::of_json;
use super::refusal::Refusal;
use crate::graphql::{ApiError, ErrorCode};

/// Most files in a request, and most variables that they stand for.
const MAX_FILES: usize = 20;

/// For each file part, the variables that it stands for.
type Map = HashMap<String, Vec<String>>;

/// Reads the form that `request` carries, with files of at most `max_file_bytes`.
///
/// # Errors
/// What is wrong with the form, or too much of it.
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
            let message = format!("the map does not speak of the part '{name}'");
            return Err(ApiError::new(ErrorCode::BadUserInput, message));
        };
        let content = content(field, max_file_bytes).await?;
        for variable in variables {
            let set = request.uploads.len();
            // Nobody looks at a file's name or claimed type: the content tells.
            let upload =
                UploadValue { filename: String::new(), content_type: None, content: content.clone() };
            request.set_upload(&variable, upload);
            // It sets nothing where there is nothing.
            if request.uploads.len() == set {
                let message = format!("the map says '{variable}', and the operations have no such variable");
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

/// Each path costs a walk through the variables, and a place among the files.
fn check(map: &Map) -> Result<(), Refusal> {
    let variables: Vec<&String> = map.values().flatten().collect();
    if map.len().max(variables.len()) > MAX_FILES {
        let message = format!("at most {MAX_FILES} files, for as many variables, are taken at once");
        return Err(Refusal::new(ErrorCode::BadUserInput, message));
    }
    if variables.iter().collect::<HashSet<_>>().len() < variables.len() {
        return Err(Refusal::new(ErrorCode::BadUserInput, "the map names a variable twice"));
    }
    Ok(())
}

fn read_map(json: &[u8]) -> Result<Map, Refusal> {
    let map = serde_json::from_slice(json);
    map.map_err(|error| Refusal::new(ErrorCode::BadUserInput, format!("'map' is not as expected: {error}")))
}

/// The next part, which has that name and is JSON.
async fn json_part(form: &mut Form, name: &str, limits: JsonLimits) -> Result<(Bytes, Meter), Refusal> {
    let field = form.next().await?;
    let Some(field) = field.filter(|field| field.name() == Some(name)) else {
        let message =
            format!("the parts of a GraphQL upload are operations, map, files, in this order; no '{name}'");
        return Err(Refusal::new(ErrorCode::BadUserInput, message));
    };
    let json = content(field, limits.bytes as u64).await?;
    let meter = Meter::whole(limits, &json)?;
    Ok((json, meter))
}
