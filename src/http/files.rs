//! `GET /files/…`: serves the file of a signed link, streamed from the blob store. Supports conditional and range
//! requests (RFC 9110). Any invalid link gets 404. Successful requests are recorded in the audit log.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headers::{
    AcceptRanges, CacheControl, ContentLength, ContentRange, ContentType, ETag, HeaderMapExt, IfMatch,
    IfModifiedSince, IfNoneMatch, IfRange, IfUnmodifiedSince, LastModified,
};
use http_range_header::StartPosition;
use tracing::warn;

use super::listener::account::Account;
use super::request_id::RequestId;
use crate::access::file_links::{FileLinks, LinkQuery, LinkedFile};
use crate::audit::AuditLog;
use crate::shares::Party;
use crate::store::blobs::{BlobError, Blobs};

/// The state of the files route.
#[derive(Clone)]
pub(super) struct Files {
    pub(super) links: FileLinks,
    pub(super) blobs: Blobs,
    pub(super) audit: AuditLog,
}

pub(super) async fn serve(
    State(files): State<Files>,
    Extension(id): Extension<RequestId>,
    Extension(account): Extension<Account>,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<LinkQuery>, QueryRejection>,
    method: Method,
    mut headers: HeaderMap,
) -> Response {
    let (Ok(Path((kind, name))), Ok(Query(query))) = (path, query) else { return nothing() };
    let Some(file) = files.links.find(&kind, &name, &query) else { return nothing() };
    if method != Method::GET {
        // RFC 9110 defines ranges for GET only.
        headers.remove(header::RANGE);
    }
    match answer(&files.blobs, &file, &headers).await {
        Ok(response) if method == Method::GET && response.status().is_success() => {
            let party = Party::address(account.address());
            let trail = files.audit.trail_of_link(&file.blob.tenant, id.to_string(), party);
            let noted = trail.show(file.of).await;
            noted.map_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into_response(), |()| response)
        }
        Ok(response) => response,
        Err(BlobError::NotFound) => nothing(),
        Err(error) => {
            warn!(%error, "could not read a file");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// The response to any invalid link, so that it does not reveal which files exist.
fn nothing() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

async fn answer(blobs: &Blobs, file: &LinkedFile, request: &HeaderMap) -> Result<Response, BlobError> {
    let found = blobs.look(&file.blob).await?;
    let state = FileState {
        etag: found.e_tag.as_deref().and_then(|etag| etag.parse().ok()),
        modified: found.last_modified.into(),
    };
    let mut response = match state.precondition(request) {
        Some(status) => status.into_response(),
        None => match requested_part(request, &state, found.size) {
            RequestedPart::Whole => body(blobs, file, 0, found.size).await?,
            RequestedPart::Part { first, end } => {
                let mut response = body(blobs, file, first, end).await?;
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                if let Ok(range) = ContentRange::bytes(first..end, found.size) {
                    response.headers_mut().typed_insert(range);
                }
                response
            }
            RequestedPart::Nothing => {
                let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
                response.headers_mut().typed_insert(ContentRange::unsatisfied_bytes(found.size));
                response
            }
        },
    };
    if response.status().is_client_error() {
        response.headers_mut().typed_insert(CacheControl::new().with_no_store());
    } else {
        describe(response.headers_mut(), file, state);
    }
    Ok(response)
}

/// The validators of a file's current state.
struct FileState {
    etag: Option<ETag>,
    modified: SystemTime,
}

impl FileState {
    /// The status with which a conditional request is answered instead of the file; evaluated in the order of RFC 9110,
    /// section 13.2.2.
    fn precondition(&self, request: &HeaderMap) -> Option<StatusCode> {
        let etag = self.etag.as_ref();
        let stale = match request.typed_get::<IfMatch>() {
            Some(wanted) => !etag.is_some_and(|etag| wanted.precondition_passes(etag)),
            None => request
                .typed_get::<IfUnmodifiedSince>()
                .is_some_and(|since| !since.precondition_passes(self.modified)),
        };
        if stale {
            return Some(StatusCode::PRECONDITION_FAILED);
        }
        let known = match request.typed_get::<IfNoneMatch>() {
            Some(known) => etag.is_some_and(|etag| !known.precondition_passes(etag)),
            None => {
                request.typed_get::<IfModifiedSince>().is_some_and(|since| !since.is_modified(self.modified))
            }
        };
        known.then_some(StatusCode::NOT_MODIFIED)
    }
}

/// The requested bytes of a file.
enum RequestedPart {
    Whole,
    Part { first: u64, end: u64 },
    Nothing,
}

/// Several ranges, invalid ranges and outdated `If-Range` validators get the whole file.
fn requested_part(request: &HeaderMap, state: &FileState, size: u64) -> RequestedPart {
    let range = request.get(header::RANGE).and_then(|range| range.to_str().ok());
    let outdated = |condition: IfRange| {
        condition.is_modified(state.etag.as_ref(), Some(&LastModified::from(state.modified)))
    };
    let Some(range) = range.filter(|_| !request.typed_get::<IfRange>().is_some_and(outdated)) else {
        return RequestedPart::Whole;
    };
    let Ok(ranges) = http_range_header::parse_range_header(range) else { return RequestedPart::Whole };
    let [only] = &*ranges.ranges else { return RequestedPart::Whole };
    match (only.start, ranges.validate(size).as_deref()) {
        (_, Ok([range])) => RequestedPart::Part { first: *range.start(), end: range.end() + 1 },
        // A suffix range longer than the file selects all of it.
        (StartPosition::FromLast(_), _) if size > 0 => RequestedPart::Part { first: 0, end: size },
        _ => RequestedPart::Nothing,
    }
}

async fn body(blobs: &Blobs, file: &LinkedFile, first: u64, end: u64) -> Result<Response, BlobError> {
    let mut response = if first == end {
        Body::empty().into_response()
    } else {
        Body::from_stream(blobs.stream(&file.blob, first..end).await?).into_response()
    };
    response.headers_mut().typed_insert(ContentLength(end - first));
    Ok(response)
}

/// Sets the headers common to all responses about a file.
fn describe(headers: &mut HeaderMap, file: &LinkedFile, state: FileState) {
    if let Ok(content_type) = file.content_type.parse::<mime::Mime>() {
        headers.typed_insert(ContentType::from(content_type));
    }
    let seconds = Duration::from_secs(file.remaining.as_secs());
    headers.typed_insert(CacheControl::new().with_private().with_max_age(seconds));
    headers.typed_insert(LastModified::from(state.modified));
    headers.typed_insert(AcceptRanges::bytes());
    if let Some(etag) = state.etag {
        headers.typed_insert(etag);
    }
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // An SVG that is opened directly is a document: it may show its embedded image, but run nothing.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
}
