//! The log: one line per request, with what operators need first.

use std::collections::BTreeMap;

use reqwest::header;
use serde_json::{Value, json};

use crate::support::binary::Binary;
use crate::support::server::eventually;
use crate::support::{Event, Socket};

/// A server that logs in JSON.
async fn server(folder: &std::path::Path, settings: &[(&str, &str)]) -> Binary {
    let json = [("FACEQL_LOG_FORMAT", "json")];
    Binary::serve(folder, &json.into_iter().chain(settings.iter().copied()).collect::<Vec<_>>()).await
}

/// The lines with this message, parsed.
fn lines(binary: &Binary, message: &str) -> Vec<Value> {
    let lines = binary.log();
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == message).collect()
}

/// The only line about the request with this id.
async fn line_of(binary: &Binary, id: &str) -> Value {
    let about = || lines(binary, "answered").into_iter().filter(|line| line["span"]["request.id"] == id);
    eventually(async || about().count() > 0).await;
    let mut about = about();
    let line = about.next().unwrap();
    assert_eq!(about.next(), None, "a second line");
    line
}

/// The fields of a line, except its time and request id.
fn said(line: &Value) -> BTreeMap<&str, &Value> {
    let fields = line.as_object().unwrap().iter();
    let of_all = ["timestamp", "level", "target", "message", "span", "spans", "elapsed_ms"];
    fields.map(|(name, value)| (name.as_str(), value)).filter(|(name, _)| !of_all.contains(name)).collect()
}

#[tokio::test]
async fn every_request_is_logged_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let binary = server(folder.path(), &[("FACEQL_MAX_BATCH", "2")]).await;
    let query = |text: &str| json!({ "query": text });
    let named = "query MySecretName { me: service { version } }";
    let cases = [
        (
            query(named),
            json!({ "method": "POST", "path": "/graphql", "status": 200, "operation": "query", "field": "service" }),
        ),
        (
            query("mutation { deleteContainer(input: {containerId: \"what\"}) { deletedContainerId } }"),
            json!({ "method": "POST", "path": "/graphql", "status": 200, "operation": "mutation",
                "field": "deleteContainer", "code": "INVALID_ID" }),
        ),
        (
            query("{ mySecretField }"),
            json!({ "method": "POST", "path": "/graphql", "status": 200, "operation": "query",
                "code": "GRAPHQL_VALIDATION_FAILED" }),
        ),
        (
            query("{"),
            json!({ "method": "POST", "path": "/graphql", "status": 200, "operation": "unknown",
                "code": "GRAPHQL_PARSE_FAILED" }),
        ),
        (
            json!([query("{ service { version } }"), query("{ mySecretField }")]),
            json!({ "method": "POST", "path": "/graphql", "status": 200, "operation": "batch",
                "code": "GRAPHQL_VALIDATION_FAILED" }),
        ),
        (
            query("subscription { detectionFeed { cursor } }"),
            json!({ "method": "POST", "path": "/graphql", "status": 406, "code": "NOT_ACCEPTABLE" }),
        ),
    ];
    for (number, (body, expected)) in cases.into_iter().enumerate() {
        let id = format!("case-{number}");
        binary.client.post().header("X-Request-Id", &id).json(&body).send().await.unwrap();
        let line = line_of(&binary, &id).await;
        assert_eq!(json!(said(&line)), expected, "{body}");
        assert!(line["elapsed_ms"].as_f64().unwrap() > 0.0, "{line}");
    }
    assert!(!binary.log().contains("MySecret") && !binary.log().contains("mySecret"), "{}", binary.log());
    assert!(binary.terminate().success());
}

#[tokio::test]
async fn other_requests_are_logged_without_what_follows_their_path() {
    let folder = tempfile::tempdir().unwrap();
    let binary = server(folder.path(), &[]).await;
    let long = format!("/{}", "x".repeat(2000));
    for (method, path, shown, status) in [
        ("GET", "/health/live?mySecret", "/health/live", 204),
        ("GET", "/files/detection-images/x?signature=mySecret", "/files/detection-images/x", 404),
        ("MYSECRET", "/nowhere", "/nowhere", 404),
        ("GET", &*long, &long[..200], 404),
    ] {
        let url = format!("http://{}{path}", binary.client.address);
        let request = binary.client.http.request(method.parse().unwrap(), url);
        let answer = request.send().await.unwrap();
        // The server generates an id for a client that sends none.
        let id = answer.headers()["x-request-id"].to_str().unwrap();
        let method = if method == "GET" { method } else { "_OTHER" };
        let line = line_of(&binary, id).await;
        assert_eq!(json!(said(&line)), json!({ "method": method, "path": shown, "status": status }));
    }
    assert!(!binary.log().to_lowercase().contains("mysecret"), "{}", binary.log());
    assert!(binary.terminate().success());
}

#[tokio::test]
async fn socket_is_logged_when_it_opens_and_with_its_counts_when_it_closes() {
    let folder = tempfile::tempdir().unwrap();
    let binary = server(folder.path(), &[]).await;
    let mut socket = Socket::open(binary.client.address, json!({})).await.unwrap();
    for operation in ["1", "2"] {
        socket.subscribe(operation, "{ service { version } }", json!({})).await;
        while !matches!(socket.next().await, Event::Complete) {}
    }
    drop(socket);
    eventually(async || !lines(&binary, "socket closed").is_empty()).await;
    let [closed] = &*lines(&binary, "socket closed") else { panic!("several lines") };
    // The acknowledgement, then a result and a complete message for each of two operations.
    assert_eq!((&closed["operations"], &closed["messages"]), (&json!(2), &json!(5)), "{closed}");
    let opened = line_of(&binary, closed["span"]["request.id"].as_str().unwrap()).await;
    assert_eq!(opened["status"], 101);
    assert!(binary.terminate().success());
}

#[tokio::test]
async fn event_streams_are_logged_when_they_begin() {
    let folder = tempfile::tempdir().unwrap();
    let binary = server(folder.path(), &[]).await;
    let request = binary.client.post().header(header::ACCEPT, "text/event-stream");
    let query = json!({ "query": "subscription { detectionFeed { cursor } }" });
    let answer = request.header("X-Request-Id", "feed").json(&query).send().await.unwrap();
    let line = line_of(&binary, "feed").await;
    assert_eq!((&line["operation"], &line["field"]), (&json!("subscription"), &json!("detectionFeed")));
    drop(answer);
    assert!(binary.terminate().success());
}
