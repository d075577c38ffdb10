//! Deep nesting of any kind, over any transport, is refused by a limit of its own before recursive code processes it.
//! Test threads have the same 2 MiB stack as those of the server.

use reqwest::multipart::Form;
use reqwest::{RequestBuilder, Url};
use serde_json::{Value, json};

use crate::support::client::read;
use crate::support::{Client, Event, Socket, TestServer, code};

/// Documents in which something is deeply nested.
fn documents(levels: usize) -> Vec<(&'static str, String)> {
    let nested = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
    };
    let (lists, objects) = (nested("[", "1", "]"), nested("{a: ", "1", "}"));
    vec![
        ("lists in an argument", format!("{{ service(a: {lists}) {{ ready }} }}")),
        ("objects in an argument", format!("{{ service(a: {objects}) {{ ready }} }}")),
        ("a variable's default", format!("query($a: JSON = {lists}) {{ service(a: $a) {{ ready }} }}")),
        ("objects in a default", format!("query($a: JSON = {objects}) {{ service(a: $a) {{ ready }} }}")),
        (
            "a variable's type",
            format!("query($a: {}) {{ service(a: $a) {{ ready }} }}", nested("[", "Int", "]")),
        ),
        ("a directive's argument", format!("{{ service @skip(if: {lists}) {{ ready }} }}")),
        ("an operation's directive", format!("query @a(b: {objects}) {{ service {{ ready }} }}")),
        ("a fragment", format!("{{ ...F }} fragment F on Query {{ service(a: {lists}) {{ ready }} }}")),
        ("fields", nested("{ a ", "{ b }", "}")),
        ("inline fragments", format!("{{ {} }}", nested("... {", "a", "}"))),
        ("what has no end", format!("{{ service(a: {}", "[{a:".repeat(levels.div_ceil(2)))),
    ]
}

async fn answered(request: RequestBuilder) -> Value {
    read(request.send().await.unwrap()).await
}

fn form(query: &str) -> Form {
    let operations = json!({ "query": query, "variables": { "file": null } }).to_string();
    Form::new().text("operations", operations).text("map", "{}")
}

fn by_get(client: &Client, query: &str) -> RequestBuilder {
    let url = format!("http://{}/graphql", client.address);
    client.http.get(Url::parse_with_params(&url, [("query", query)]).unwrap())
}

#[tokio::test]
async fn documents_nested_ten_times_too_deep_are_refused_over_every_transport() {
    let server = TestServer::start().await;
    let client = server.client();
    let mut socket = Socket::connect(&server).await;
    for (what, query) in documents(1000) {
        let by_post = answered(client.post().json(&json!({ "query": query }))).await;
        let by_form = answered(client.post().multipart(form(&query))).await;
        let by_get = answered(by_get(&client, &query)).await;
        for answer in [by_post, by_form, by_get] {
            assert_eq!(code(&answer), "QUERY_TOO_COSTLY", "{what}: {answer}");
            assert!(answer["errors"][0]["message"].as_str().unwrap().contains("levels of brackets"));
        }
        socket.subscribe(what, &query, json!({})).await;
        assert!(matches!(socket.next().await, Event::Error(code) if code == "QUERY_TOO_COSTLY"), "{what}");
    }
    client.create_container().await;
    server.stop().await;
}

#[tokio::test]
async fn fragments_nested_ten_times_too_deep_are_refused() {
    let server = TestServer::with(&[("FACEQL_MAX_QUERY_TOKENS", "1000000")]).await;
    let client = server.client();
    let one = |index: usize| format!("fragment F{index} on Query {{ ...F{} }} ", index + 1);
    let chain = (0..1000).map(one).collect::<String>() + "fragment F1000 on Query { service { ready } }";
    for operation in ["{ ...F0 }", "{ service { ready } }"] {
        let answer = client.send(&format!("{operation} {chain}"), json!({})).await;
        assert_eq!(code(&answer), "QUERY_TOO_COSTLY", "{operation}");
        assert!(answer["errors"][0]["message"].as_str().unwrap().contains("levels of fields and fragments"));
    }
    client.create_container().await;
    server.stop().await;
}

#[tokio::test]
async fn the_deepest_documents_that_any_setting_allows_fit_the_stack() {
    let server = TestServer::with(&[("FACEQL_MAX_QUERY_NESTING", "200")]).await;
    let client = server.client();
    for (what, query) in documents(196) {
        let answer = client.send(&query, json!({})).await;
        assert!(answer.is_object(), "{what}: {answer}");
    }
    let deep = format!("{}1{}", "[".repeat(190), "]".repeat(190));
    let create =
        format!("mutation {{ createContainer(input: {{metadata: {deep}}}) {{ container {{ id }} }} }}");
    assert_eq!(client.refusal(&create, json!({})).await, "BAD_USER_INPUT");
    server.stop().await;
}

#[tokio::test]
async fn metadata_is_stored_and_read_up_to_its_own_nesting_limit() {
    let server = TestServer::start().await;
    let client = server.client();
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    let query = "mutation($m: JSON) { createContainer(input: {metadata: $m}) { container { metadata } } }";
    let kept = client.data(query, json!({ "m": nested(64) })).await;
    assert_eq!(kept["createContainer"]["container"]["metadata"], nested(64));
    let read = client.data("{ containers { nodes { metadata } } }", json!({})).await;
    assert_eq!(read["containers"]["nodes"][0]["metadata"], nested(64));
    for levels in [65, 120, 640] {
        // Built by hand, since the JSON library of the tests has a limit as well.
        let metadata = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let body = format!(r#"{{"query": "{query}", "variables": {{"m": {metadata}}}}}"#);
        let answer = answered(client.post().header("Content-Type", "application/json").body(body)).await;
        assert_eq!(code(&answer), "BAD_USER_INPUT", "{levels}: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn trusted_documents_are_measured_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trusted.json");
    let (_, deep) = documents(1000).swap_remove(0);
    std::fs::write(&file, json!({ "deep": deep }).to_string()).unwrap();
    let server = TestServer::with(&[("FACEQL_TRUSTED_DOCUMENTS", file.to_str().unwrap())]).await;
    let answer = answered(server.client().post().json(&json!({ "documentId": "deep" }))).await;
    assert_eq!(code(&answer), "QUERY_TOO_COSTLY");
    server.stop().await;
}
