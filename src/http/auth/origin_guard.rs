//! Refuses unknown `Host` names and foreign origins while no key is required, so that no foreign web page can reach
//! this server through its visitor's browser, not even by DNS rebinding.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Authenticator;
use crate::graphql::ErrorCode;
use crate::http::graphql::refusal::Refusal;

/// The allowed `Host` names and origins.
pub(in crate::http) struct Allowed {
    /// While a key is required, the guard is off.
    pub(in crate::http) authenticator: Authenticator,
    pub(in crate::http) hosts: BTreeSet<String>,
    pub(in crate::http) origins: BTreeSet<String>,
}

/// Passes a request on if its `Host` is an IP address, `localhost` or an allowed name, and it is not sent by a foreign
/// page.
pub(in crate::http) async fn check(
    State(allowed): State<Arc<Allowed>>,
    request: Request,
    next: Next,
) -> Response {
    if allowed.authenticator.asks_for_key() {
        return next.run(request).await;
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_allowed(host, &allowed.hosts) {
        let message = "this Host is not allowed; add it to FACEQL_ALLOWED_HOSTS or set FACEQL_API_KEY";
        return Refusal::new(ErrorCode::Forbidden, message).into_response();
    }
    if !is_allowed_origin(request.headers(), &allowed.origins) {
        let message = "web pages of other origins may not call this server without a key";
        return Refusal::new(ErrorCode::CsrfRefused, message).into_response();
    }
    next.run(request).await
}

/// Whether the request has no `Origin`, that of this server, or an allowed one.
pub(in crate::http) fn is_allowed_origin(headers: &HeaderMap, allowed: &BTreeSet<String>) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    origin.to_str().is_ok_and(|origin| is_own(origin, host) || allowed.contains(&origin.to_lowercase()))
}

/// Whether the browser states in `Sec-Fetch-Site` that a page of another origin sends the request. It does so also for
/// images and links, which have no `Origin`. Specified by <https://www.w3.org/TR/fetch-metadata/>.
pub(in crate::http) fn is_of_foreign_page(headers: &HeaderMap, allowed: &BTreeSet<String>) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    let is_of_other_origin = matches!(site, Some("cross-site" | "same-site"));
    // Requests by scripts of an allowed page have an `Origin`.
    is_of_other_origin && (!headers.contains_key(header::ORIGIN) || !is_allowed_origin(headers, allowed))
}

fn is_own(origin: &str, host: &str) -> bool {
    origin.split_once("://").is_some_and(|(_scheme, of)| of.eq_ignore_ascii_case(host))
}

fn is_allowed(host: &str, allowed: &BTreeSet<String>) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']').to_lowercase();
    // DNS rebinding works with names only: a page loaded from a name has that name in its Host.
    name == "localhost" || name.parse::<IpAddr>().is_ok() || (!name.is_empty() && allowed.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_same_or_an_allowed_origin_pass() {
        let allowed = BTreeSet::from(["https://app.example".to_owned()]);
        let from = |origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "localhost:8080".parse().unwrap());
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            is_allowed_origin(&headers, &allowed)
        };
        assert!(from("http://localhost:8080"));
        assert!(from("https://App.example"));
        for origin in ["https://evil.example", "http://localhost:3000", "http://app.example", "null"] {
            assert!(!from(origin), "{origin}");
        }
        assert!(is_allowed_origin(&HeaderMap::new(), &allowed), "not sent by a page");
    }

    #[test]
    fn a_page_of_another_origin_is_known_by_what_its_browser_says() {
        let allowed = BTreeSet::from(["https://app.example".to_owned()]);
        let is_foreign = |site: Option<&str>, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "localhost:8080".parse().unwrap());
            site.map(|site| headers.insert("sec-fetch-site", site.parse().unwrap()));
            origin.map(|origin| headers.insert(header::ORIGIN, origin.parse().unwrap()));
            is_of_foreign_page(&headers, &allowed)
        };
        for site in ["cross-site", "same-site"] {
            assert!(is_foreign(Some(site), None), "{site}");
            assert!(is_foreign(Some(site), Some("https://evil.example")), "{site}");
            assert!(!is_foreign(Some(site), Some("https://app.example")), "{site}");
        }
        for site in [None, Some("same-origin"), Some("none")] {
            assert!(!is_foreign(site, None), "{site:?}");
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
