//! Refuses foreign `Host` names and origins while no key is asked for: no web page but our own may reach this
//! machine through its visitor's browser, not even one whose name is re-bound to its address (DNS rebinding).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;
use crate::graphql::ErrorCode;

/// Lets a request pass when its `Host` is this machine by number or by an allowed name, and no foreign page sends
/// it.
pub(super) async fn check(
    State(allowed): State<Arc<BTreeSet<String>>>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_allowed(host, &allowed) {
        let message =
            "this server answers to no such Host; name it in FACEQL_ALLOWED_HOSTS, or set FACEQL_API_KEY";
        return Refusal::new(ErrorCode::Forbidden, message).into_response();
    }
    if comes_from_elsewhere(&request, host) {
        let message = "a web page of another origin may not speak to this server without a key";
        return Refusal::new(ErrorCode::CsrfRefused, message).into_response();
    }
    next.run(request).await
}

/// Whether a browser says that a page of another origin is asking.
fn comes_from_elsewhere(request: &Request, host: &str) -> bool {
    let origin = request.headers().get(header::ORIGIN);
    let same =
        |origin: &str| origin.split_once("://").is_some_and(|(_scheme, of)| of.eq_ignore_ascii_case(host));
    origin.is_some_and(|origin| !origin.to_str().is_ok_and(same))
}

fn is_allowed(host: &str, allowed: &BTreeSet<String>) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']').to_lowercase();
    // A page cannot be re-bound to a number: its own address is in the Host then.
    name == "localhost" || name.parse::<IpAddr>().is_ok() || (!name.is_empty() && allowed.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_the_same_origin_passes() {
        let from = |origin: &str| {
            let request = Request::builder().header(header::ORIGIN, origin).body(axum::body::Body::empty());
            comes_from_elsewhere(&request.unwrap(), "localhost:8080")
        };
        assert!(!from("http://localhost:8080"));
        for origin in ["https://evil.example", "http://localhost:3000", "null"] {
            assert!(from(origin), "{origin}");
        }
    }

    #[test]
    fn only_numbers_localhost_and_allowed_names_pass() {
        let allowed = BTreeSet::from(["faces.example".to_owned(), String::new()]);
        for host in ["localhost:8080", "127.0.0.1", "[::1]:8080", "Faces.Example:80"] {
            assert!(is_allowed(host, &allowed), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8080", ""] {
            assert!(!is_allowed(host, &allowed), "{host}");
        }
    }
}
