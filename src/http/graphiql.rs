//! `GET /` and `/assets/…`: GraphiQL, embedded in the binary so that it loads nothing from other origins. `build.rs`
//! embeds the output of `make graphiql`; without it, a page explains how to build it.

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use headers::{ETag, HeaderMapExt, IfNoneMatch};
use sha2::{Digest, Sha256};

/// The built files, sorted by path; empty when GraphiQL was not built.
const BUILT: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/graphiql.rs"));

/// Served instead when GraphiQL was not built.
const NOT_BUILT: &[u8] = include_bytes!("graphiql_not_built.html");

/// The page connects to its own server only. The editor writes inline styles, its workers are files, selected images
/// are shown from memory (`blob:`), and fonts and icons are embedded in the style sheet (`data:`).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self'; \
                      base-uri 'none'; frame-ancestors 'none'; form-action 'none'";

/// The routes of the page, which may change with every release, and its assets, whose names change with their content.
pub(super) fn routes() -> Router {
    Router::new().route("/", get(page)).route("/assets/{name}", get(asset))
}

async fn page(request: HeaderMap) -> Response {
    let bytes = find("index.html").unwrap_or(NOT_BUILT);
    let etag: Option<ETag> = format!("\"{}\"", hex::encode(Sha256::digest(bytes))).parse().ok();
    let known = request.typed_get::<IfNoneMatch>();
    let is_known = known.zip(etag.as_ref()).is_some_and(|(known, etag)| !known.precondition_passes(etag));
    let mut response =
        if is_known { StatusCode::NOT_MODIFIED.into_response() } else { file("index.html", bytes) };
    if let Some(etag) = etag {
        response.headers_mut().typed_insert(etag);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

async fn asset(Path(name): Path<String>) -> Response {
    let path = format!("assets/{name}");
    let Some(bytes) = find(&path) else { return StatusCode::NOT_FOUND.into_response() };
    let mut response = file(&path, bytes);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(caching(&path)));
    // A worker is subject to the policy of its own response.
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

fn find(path: &str) -> Option<&'static [u8]> {
    let place = BUILT.binary_search_by_key(&path, |(path, _bytes)| path).ok()?;
    Some(BUILT[place].1)
}

fn file(path: &str, bytes: &'static [u8]) -> Response {
    let mut response = Body::from(bytes).into_response();
    let fixed = [(header::CONTENT_TYPE, content_type(path)), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Asset names contain a hash of their content, so they never change, except for the list of licenses.
fn caching(path: &str) -> &'static str {
    if path == "assets/licenses.md" { "no-cache" } else { "public, max-age=31536000, immutable" }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_name, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "ttf" => "font/ttf",
        // Browsers display it only as plain text.
        "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
