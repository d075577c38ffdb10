//! GraphiQL is served completely by this server, or replaced by a page that says how to build it. `web/graphiql/test`
//! tests it in a browser.

use reqwest::Response;
use reqwest::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};

use crate::support::TestServer;

#[tokio::test]
async fn page_and_its_assets_are_served_by_this_server() {
    let server = TestServer::start().await;
    let page = get(&server, "/").await;
    assert_eq!(header(&page, &CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(header(&page, &CACHE_CONTROL), "no-cache");
    assert_guarded(&page);
    let text = page.text().await.unwrap();
    assert!(text.contains("GraphiQL") && !text.contains("://"), "{text}");
    let named = assets(&text);
    // Without a built GraphiQL the page has no assets.
    assert_eq!(named.is_empty(), text.contains("make graphiql"), "{text}");
    for path in named {
        let asset = get(&server, &path).await;
        assert_eq!(asset.status(), 200, "{path}");
        assert_eq!(header(&asset, &CACHE_CONTROL), "public, max-age=31536000, immutable");
        assert_eq!(header(&asset, &CONTENT_TYPE), expected_type(&path));
        assert_guarded(&asset);
    }
    let licences = get(&server, "/assets/licenses.md").await;
    assert_eq!(
        licences.status() == 200,
        !text.contains("make graphiql"),
        "the licences of bundled packages are served"
    );
    server.stop().await;
}

#[tokio::test]
async fn page_is_not_sent_again_to_clients_that_have_it() {
    let server = TestServer::start().await;
    let etag = header(&get(&server, "/").await, &ETAG).to_owned();
    let again = |etag: &str| {
        server.client().http.get(format!("http://{}/", server.address)).header(IF_NONE_MATCH, etag).send()
    };
    assert_eq!(again(&etag).await.unwrap().status(), 304);
    assert_eq!(again("\"another\"").await.unwrap().status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn only_built_files_are_assets() {
    let server = TestServer::start().await;
    for path in ["/assets/", "/assets/other.js", "/assets/..%2Findex.html", "/assets/%2Fetc%2Fpasswd"] {
        assert_eq!(get(&server, path).await.status(), 404, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn page_can_be_disabled() {
    let server = TestServer::with(&[("FACEQL_GRAPHIQL", "false")]).await;
    assert_eq!(get(&server, "/").await.status(), 404);
    assert_eq!(get(&server, "/assets/index.js").await.status(), 404);
    server.stop().await;
}

async fn get(server: &TestServer, path: &str) -> Response {
    server.client().http.get(format!("http://{}{path}", server.address)).send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &reqwest::header::HeaderName) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Only scripts of this server may run, and they may call no other server.
fn assert_guarded(response: &Response) {
    let policy = header(response, &CONTENT_SECURITY_POLICY);
    for told in ["default-src 'none'", "script-src 'self';", "connect-src 'self';", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(told), "'{told}' is not in: {policy}");
    }
    assert_eq!(response.headers().get("x-content-type-options").unwrap(), "nosniff");
}

/// The paths below `/assets/` that a page references.
fn assets(page: &str) -> Vec<String> {
    let named = page.split('"').filter(|part| part.starts_with("/assets/"));
    named.map(str::to_owned).collect()
}

fn expected_type(path: &str) -> &'static str {
    match path.rsplit_once('.').unwrap().1 {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        other => panic!("{path} is {other}"),
    }
}
