//! Malicious multipart forms: each is refused early, before it costs much and before it has arrived completely.

use std::net::SocketAddr;

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::access::tenants::ACME;
use crate::commands::encoding_service::{KEY, encoding_service_with};
use crate::support::client::{http, raw, read, upload_form};
use crate::support::server::{files, soon};
use crate::support::{TestServer, code, drawn};

const OPERATIONS: &str = "--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n";
const FILE: &str = "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n";

/// The response to a form that was not sent completely.
async fn answer_to_unfinished(address: SocketAddr, path: &str, key: &str, pieces: &[String]) -> (u16, Value) {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nTransfer-Encoding: chunked\r\n\
         Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    );
    let pieces = pieces.iter().map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len()));
    let request = head + &pieces.collect::<String>();
    soon(raw(address, request.as_bytes())).await
}

/// The beginning of a form, followed by 20 KiB in which no header ends.
fn endless(begin: &str) -> Vec<String> {
    [vec![begin.to_owned()], vec!["x".repeat(64); 320]].concat()
}

#[tokio::test]
async fn endless_part_headers_are_refused_early() {
    let server = TestServer::with(&[("FACEQL_API_KEY", &format!("acme:{ACME}"))]).await;
    let operations = |unused: &str| {
        let request = json!({ "query": "{ __typename }", "variables": { "unused": unused } });
        format!("{OPERATIONS}{request}\r\n--x\r\nContent-Type: ")
    };
    for begin in [
        "",
        "--x\r\n",
        "--x\r\nContent-Disposition: form-data; name=\"operations\"; filename=\"",
        &operations(""),
        &operations(&"x".repeat(100_000)),
    ] {
        let (status, answer) = answer_to_unfinished(server.address, "/graphql", ACME, &endless(begin)).await;
        assert_eq!((status, code(&answer)), (400, "BAD_USER_INPUT"), "{begin:.200}");
    }
    server.stop().await;
}

#[tokio::test]
async fn encoding_service_refuses_endless_part_headers_and_ignores_unknown_parts() {
    let service = encoding_service_with(&[]).await;
    for begin in ["", "--x\r\nContent-Type: ", &format!("{OPERATIONS}text\r\n--x\r\nContent-Type: ")] {
        let (status, answer) = answer_to_unfinished(service, "/v1/selfie", KEY, &endless(begin)).await;
        assert!(status == 400 && answer["error"].is_string(), "{begin}: {answer}");
    }
    let other = [OPERATIONS.to_owned(), "x".repeat(50_000), format!("\r\n{FILE}no image\r\n--x--")];
    let (status, answer) = answer_to_unfinished(service, "/v1/selfie", KEY, &other).await;
    assert!(status == 400 && !answer.to_string().contains("headers"), "{answer}");
}

#[tokio::test]
async fn unauthenticated_form_is_refused_before_any_of_it_arrives() {
    let server = TestServer::with(&[("FACEQL_API_KEY", &format!("acme:{ACME}"))]).await;
    let before = files(server.folder());
    let begun = [format!("{OPERATIONS}{{")];
    for pieces in [&begun[..], &[]] {
        let wrong = "wrong-key-0123456789";
        let (status, answer) = answer_to_unfinished(server.address, "/graphql", wrong, pieces).await;
        assert_eq!((status, code(&answer)), (401, "UNAUTHENTICATED"));
    }
    assert_eq!(files(server.folder()), before);
    server.stop().await;
}

#[tokio::test]
async fn key_counts_as_a_preflight_header() {
    let server = TestServer::with(&[("FACEQL_API_KEY", &format!("acme:{ACME}"))]).await;
    let container = server.client_with_key(ACME).create_container().await;
    let url = format!("http://{}/graphql", server.address);
    for (header, value) in [("x-api-key", ACME.to_owned()), ("authorization", format!("Bearer {ACME}"))] {
        let form = upload_form(&container, None).part("file", Part::bytes(drawn(1)));
        let answer =
            read(http().post(&url).header(header, value).multipart(form).send().await.unwrap()).await;
        assert!(answer.get("errors").is_none(), "{header}: {answer}");
    }
    server.stop_with_jobs().await;
}

#[tokio::test]
async fn operations_and_map_are_limited_to_a_mebibyte_each() {
    let server = TestServer::start().await;
    let client = server.client();
    let padded = |text: &str, bytes: usize| format!("{text}{}", " ".repeat(bytes - text.len()));
    let operations = r#"{"query": "{ __typename }"}"#;
    let send = async |operations: String, map: String| {
        let form = Form::new().text("operations", operations).text("map", map);
        let answer = client.post().multipart(form).send().await.unwrap();
        (answer.status().as_u16(), read(answer).await)
    };
    let (status, answer) = send(padded(operations, 1 << 20), padded("{}", 1 << 20)).await;
    assert!(status == 200 && answer.get("errors").is_none(), "{answer}");
    for (operations, map) in
        [(padded(operations, (1 << 20) + 1), "{}".into()), (operations.into(), padded("{}", (1 << 20) + 1))]
    {
        let (status, answer) = send(operations, map).await;
        assert_eq!((status, code(&answer)), (413, "PAYLOAD_TOO_LARGE"));
    }
    server.stop().await;
}
