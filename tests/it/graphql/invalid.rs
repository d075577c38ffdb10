//! Invalid documents: their errors are limited, and parsing them is paid for.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::access::tenants::{ACME, OTHER};
use crate::support::client::read;
use crate::support::{Client, Socket, TestServer, code};

/// That many unknown fields, each with a different name.
fn unknown_fields(count: usize) -> String {
    let mut document = "query { service {".to_owned();
    for number in 0..count {
        write!(document, " notThere{number:08}").unwrap();
    }
    document + " } }"
}

fn assert_few(errors: &Value, left_out: usize) {
    let listed = errors.as_array().unwrap();
    assert_eq!(listed.len(), 20);
    assert!(errors.to_string().len() < 10_000, "{errors}");
    let messages: Vec<&str> = listed.iter().map(|error| error["message"].as_str().unwrap()).collect();
    assert!(messages[0].contains("notThere00000000"), "{messages:?}");
    let told = format!("({left_out} more errors are left out)");
    assert_eq!(messages.iter().filter(|message| message.ends_with(&told)).count(), 1, "{messages:?}");
    assert!(messages[19].ends_with(&told), "{messages:?}");
    assert!(listed.iter().all(|error| error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"));
}

#[tokio::test]
async fn only_the_first_of_thousands_of_errors_are_reported() {
    let server = TestServer::start().await;
    let client = server.client();
    let document = unknown_fields(2400);
    assert_few(&client.send(&document, json!({})).await["errors"], 2380);
    let few = client.send(&unknown_fields(20), json!({})).await;
    assert_eq!(few["errors"].as_array().unwrap().len(), 20);
    assert!(!few.to_string().contains("left out"), "{few}");

    let mut socket = Socket::connect(&server).await;
    socket.subscribe("1", &document, json!({})).await;
    assert_few(&socket.message().await.unwrap()["payload"], 2380);
    server.stop().await;
}

#[tokio::test]
async fn an_error_quotes_only_a_little_of_the_document() {
    let server = TestServer::start().await;
    for value in ["é".repeat(20_000), "x".repeat(40_000)] {
        let literal = json!(value).to_string();
        let enroll = |mode: &str| format!("enrollPerson(input: {{ mode: {mode} }}) {{ person {{ id }} }}");
        for document in [
            format!("mutation {{ {} }}", enroll(&literal)),
            format!("mutation($mode: EnrollMode) {{ {} }}", enroll("$mode")),
        ] {
            let answer = server.client().send(&document, json!({ "mode": value })).await;
            assert!(answer["errors"].is_array() && answer.to_string().len() < 10_000, "{answer}");
        }
    }
    server.stop().await;
}

/// A server on which a key may spend one hundred at once, and hardly more within a test.
async fn server() -> TestServer {
    let keys = format!("acme:{ACME}, other:{OTHER}");
    let settings = [
        ("FACEQL_API_KEY", &*keys),
        ("FACEQL_MAX_QUERY_COST", "100"),
        ("FACEQL_RATE_COST_PER_SECOND", "1"),
        ("FACEQL_MAX_BATCH", "2"),
    ];
    TestServer::with(&settings).await
}

/// Parsing it costs more than half of one hundred.
fn padded(document: &str) -> String {
    format!("{document} # {}", "x".repeat(500))
}

/// The code of the response to `document`, and whether it says when to retry.
async fn answer(client: &Client, document: &str) -> (u16, String, bool) {
    let response = client.post().json(&json!({ "query": document })).send().await.unwrap();
    let (status, waits) = (response.status().as_u16(), response.headers().contains_key("retry-after"));
    (status, code(&read(response).await).to_owned(), waits)
}

#[tokio::test]
async fn parsing_an_invalid_document_is_paid_for() {
    let variables = "query($unused: Int) { nothing }";
    for (document, expected) in [
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        (variables, "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
    ] {
        let (server, document) = (server().await, padded(document));
        let (acme, other) = (server.client_with_key(ACME), server.client_with_key(OTHER));
        let limited = (429, "RATE_LIMITED".to_owned(), true);
        assert_eq!(answer(&acme, &document).await, (200, expected.to_owned(), false), "{document}");
        assert_eq!(answer(&acme, &document).await, limited, "{document}");
        let init = json!({ "X-API-Key": ACME });
        let mut socket = Socket::open(server.address, init).await.unwrap();
        socket.subscribe("1", &document, json!({})).await;
        let refused = socket.message().await.unwrap();
        assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED", "{document}");
        // Another key has its own budget; the two operations of a batch are paid for one after the other.
        let batch = json!([{ "query": document }, { "query": document }]);
        let answers = read(other.post().json(&batch).send().await.unwrap()).await;
        assert_eq!((code(&answers[0]), code(&answers[1])), (expected, "RATE_LIMITED"), "{document}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_valid_document_costs_its_price_regardless_of_its_length() {
    let server = server().await;
    let client = server.client_with_key(ACME);
    for document in
        ["{ service { version } }", "query($v: Boolean = true) { service @include(if: $v) { version } }"]
    {
        for _ in 0..5 {
            client.data(&padded(document), json!({})).await;
        }
    }
    let response = client.post().json(&json!({ "query": "{ service { version } }" })).send().await.unwrap();
    let left = response.headers()["ratelimit"].to_str().unwrap();
    let left: u64 = left.split_once("r=").unwrap().1.split(';').next().unwrap().parse().unwrap();
    assert!(left >= 100 - 11 * 2, "{left}");
    server.stop().await;
}
