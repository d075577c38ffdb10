//! Refuses foreign `Host` names while no key is asked for: a web page whose name is re-bound to this machine's
//! address (DNS rebinding) must not reach it through its visitor's browser.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;
use crate::graphql::ErrorCode;

/// Lets a request pass when its `Host` is this machine by number or by an allowed name.
pub(super) async fn check(
    State(allowed): State<Arc<BTreeSet<String>>>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_allowed(host, &allowed) {
        return next.run(request).await;
    }
    let message =
        "this server answers to no such Host; name it in FACEQL_ALLOWED_HOSTS, or set FACEQL_API_KEY";
    Refusal::new(ErrorCode::Forbidden, message).into_response()
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
