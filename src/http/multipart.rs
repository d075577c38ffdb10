//! Reads a GraphQL multipart request: `operations`, then `map`, then the files. Every part is counted while it
//! streams in, and refused as soon as it is too much.

use std::collections::{HashMap, HashSet};

use async_graphql::{Request as GraphQlRequest, UploadValue};
use axum::extract::Request;
use serde::de::DeserializeOwned;

use super::documents::Documents;
use super::form::{Form, content};
use super::parameters::of_json;
use super::refusal::Refusal;
use crate::graphql::{ApiError, ErrorCode};

/// Largest `operations` and `map`.
const MAX_JSON_BYTES: u64 = 1 << 20;
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
    max_file_bytes: u64,
) -> Result<GraphQlRequest, ApiError> {
    let mut form = Form::of(request).await?;
    let mut request = of_json(json_part(&mut form, "operations").await?, documents)?;
    let mut map: Map = json_part(&mut form, "map").await?;
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

async fn json_part<T: DeserializeOwned>(form: &mut Form, name: &str) -> Result<T, Refusal> {
    let field = form.next().await?;
    let Some(field) = field.filter(|field| field.name() == Some(name)) else {
        let message =
            format!("the parts of a GraphQL upload are operations, map, files, in this order; no '{name}'");
        return Err(Refusal::new(ErrorCode::BadUserInput, message));
    };
    let bytes = content(field, MAX_JSON_BYTES).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Refusal::new(ErrorCode::BadUserInput, format!("'{name}' is not as expected: {error}"))
    })
}
