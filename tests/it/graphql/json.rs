//! Limits on a request's JSON, and metadata that is stored exactly as it was written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::binary::Binary;
use crate::support::client::{raw, read};
use crate::support::socket::settle;
use crate::support::{Client, Socket, TestServer, code, drawn};

const CREATE: &str =
    "mutation($m: JSON) { createContainer(input: {metadata: $m}) { container { metadata } } }";

/// Sends a raw body.
async fn sent(client: &Client, body: String) -> (u16, Value) {
    let response = client.post().header("Content-Type", "application/json").body(body).send().await.unwrap();
    (response.status().as_u16(), read(response).await)
}

/// Sends a query with raw variables.
async fn asked(client: &Client, query: &str, variables: &str) -> Value {
    sent(client, format!(r#"{{"query": {}, "variables": {variables}}}"#, json!(query))).await.1
}

fn message(answer: &Value) -> &str {
    answer["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("no error in {answer}"))
}

#[tokio::test]
async fn json_beyond_its_limits_is_refused_in_every_part_of_a_request() {
    let server = TestServer::start().await;
    let client = server.client();
    let (many, long) = (format!("[{}]", vec!["1"; 30_000].join(",")), format!("\"{}\"", "a".repeat(900)));
    let long = format!("[{}]", vec![&*long; 1200].join(","));
    let query = r#""query": "query($a: JSON) { service { ready } }""#;
    for json in [&many, &long] {
        for body in [
            format!(r#"{{{query}, "variables": {{"a": {json}}}}}"#),
            format!(r#"{{{query}, "variables": {{"undeclared": {json}}}}}"#),
            format!(r#"{{"extensions": {{"a": {json}}}, {query}}}"#),
            format!(r#"{{{query}, "unknown": {json}}}"#),
            json.clone(),
        ] {
            let (status, answer) = sent(&client, body).await;
            assert_eq!((status, code(&answer)), (413, "PAYLOAD_TOO_LARGE"), "{answer}");
        }
    }
    let mut socket = Socket::connect(&server).await;
    socket
        .subscribe("1", "query($a: JSON) { service { ready } }", serde_json::from_str(&many).unwrap())
        .await;
    assert!(socket.message().await.is_none(), "the socket is closed");
    server.stop().await;
}

#[tokio::test]
async fn body_is_refused_before_it_has_arrived_completely() {
    let server = TestServer::start().await;
    let head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 60000000\r\n\r\n";
    // Nothing follows: a server that waited for the rest would not respond.
    let begun = format!("{head}{{\"variables\": {{\"a\": [{}", "1,".repeat(40_000));
    let (status, answer) = raw(server.address, begun.as_bytes()).await;
    assert_eq!((status, code(&answer)), (413, "PAYLOAD_TOO_LARGE"));
    server.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn json_takes_a_small_multiple_of_its_size_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let process = Binary::serve(folder.path(), &[]).await;
    let client = process.client.clone();
    client.data("{ service { ready } }", json!({})).await;
    let peak = || process.peak_mib();
    let before = peak();
    let values = format!("[{}1]", "1,".repeat(33_000_000));
    let body = format!(r#"{{"query": "{{ service {{ ready }} }}", "variables": {{"a": {values}}}}}"#);
    // The server may respond and close the connection before it has read everything.
    if let Ok(response) = client.post().header("Content-Type", "application/json").body(body).send().await {
        assert_eq!(code(&read(response).await), "PAYLOAD_TOO_LARGE");
    }
    assert!(peak() - before < 100, "{before} MiB, then {}", peak());
    let image = "A".repeat(48 << 20);
    let answer = client.try_upload_base64("container_x", &image).await;
    assert_eq!(code(&answer), "INVALID_ID", "{answer}");
    assert!(peak() - before < 6 * 48, "{before} MiB, then {}", peak());
}

#[tokio::test]
async fn image_in_base64_may_be_as_large_as_a_request() {
    let server = TestServer::with(&[("FACEQL_MAX_JSON_BYTES", "65536")]).await;
    let client = server.client();
    let container = client.create_container().await;
    // An image, with padding after its end.
    let picture = [drawn(1), vec![0; 1 << 20]].concat();
    let answer = client.try_upload_base64(&container, &STANDARD.encode(picture)).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    settle(&server, &container, 1).await;
    server.stop().await;
}

#[tokio::test]
async fn metadata_whose_numbers_would_change_is_refused_with_their_paths() {
    let server = TestServer::start().await;
    let client = server.client();
    let whole =
        "mutation($i: CreateContainerInput) { createContainer(input: $i) { container { metadata } } }";
    let inner =
        "mutation($n: JSON) { createContainer(input: {metadata: {a: [0, $n]}}) { container { id } } }";
    let literal = |metadata: &str| {
        format!("mutation {{ é: createContainer(input: {{metadata: {metadata}}}) {{ container {{ id }} }} }}")
            .replace("é: ", "\n # é\r\n a: ")
    };
    let default = "mutation($m: JSON = {b: 1.00000000000000000001}) {
        createContainer(input: {metadata: $m}) { container { id } }
    }";
    let fragment = "mutation { ...F } fragment F on Mutation {
        createContainer(input: {idempotencyKey: \"1e400\", metadata: {a: {b: 18446744073709551617}}}) { container { id } }
    }";
    for (query, variables, path) in [
        (CREATE, r#"{"m": 18446744073709551617}"#, "input.metadata: "),
        (CREATE, r#"{"m": {"order": {"id": 123456789012345678901}}}"#, "input.metadata.order.id: "),
        (CREATE, r#"{"m": [1, {"x": 0.1000000000000000055511151231257827}]}"#, "input.metadata.1.x: "),
        (CREATE, r#"{"m": {"\u0061": -1e-400}}"#, "input.metadata.a: "),
        (CREATE, r#"{"m": {"a": 1e400}}"#, "m.a: "),
        (whole, r#"{"i": {"metadata": {"a": 0.30000000000000001}}}"#, "input.metadata.a: "),
        (inner, r#"{"n": [3.14159265358979323846]}"#, "input.metadata.a.1.0: "),
        (&literal("18446744073709551617"), "{}", "input.metadata: "),
        (&literal("{order: {id: 123456789012345678901}}"), "{}", "input.metadata.order.id: "),
        (&literal("[1, 0.1000000000000000055511151231257827]"), "{}", "input.metadata.1: "),
        (&literal("{a: 1e400}"), "{}", "input.metadata.a: "),
        (default, "{}", "input.metadata.b: "),
        (fragment, "{}", "input.metadata.a.b: "),
    ] {
        let answer = asked(&client, query, variables).await;
        assert_eq!(code(&answer), "BAD_USER_INPUT", "{query} {variables}: {answer}");
        let message = message(&answer);
        assert!(message.starts_with(path) && message.contains("as a string"), "{path}, not {message}");
    }
    assert_eq!(server.holdings().await.0, 0);
    // The default is not used.
    let answer = asked(&client, default, r#"{"m": {"b": 2}}"#).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn metadata_is_stored_unchanged_where_its_numbers_are_exact() {
    let server = TestServer::start().await;
    let client = server.client();
    let numbers =
        "[0, -0.0, 1.50, 1e2, 9007199254740993, 18446744073709551615, -9223372036854775808, 0.1, 1e22]";
    let expected: Value = serde_json::from_str(numbers).unwrap();
    let answer = asked(&client, CREATE, &format!(r#"{{"m": {numbers}, "unused": 1e400}}"#)).await;
    assert_eq!(answer["data"]["createContainer"]["container"]["metadata"], expected, "{answer}");
    let literal = CREATE.replace("($m: JSON)", "").replace("$m", numbers);
    let answer = asked(&client, &literal, "{}").await;
    assert_eq!(answer["data"]["createContainer"]["container"]["metadata"], expected, "{answer}");
    // Other numbers are rounded to the nearest representable one.
    let identify = "mutation($s: Float) {
        identifyPerson(input: {image: {base64: \"\"}, minSimilarity: $s}) { __typename }
    }";
    for query in [identify, &identify.replace("$s}", "0.30000000000000001}").replace("($s: Float)", "")] {
        let answer = asked(&client, query, r#"{"s": 0.30000000000000001}"#).await;
        assert_eq!(code(&answer), "NO_IMAGE", "{answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn metadata_of_a_person_has_the_same_rules() {
    let server = TestServer::start().await;
    let client = server.client();
    let query = "mutation($m: JSON) {
        enrollPerson(input: {externalId: \"a\", metadata: $m, images: []}) { person { id } }
    }";
    let answer = asked(&client, query, r#"{"m": {"id": 123456789012345678901}}"#).await;
    assert!(message(&answer).starts_with("input.metadata.id: "), "{answer}");
    let update = "mutation($i: UpdatePersonInput!) { updatePerson(input: $i) { person { metadata } } }";
    let who = r#""person": {"key": {"externalId": "a"}}"#;
    let answer = asked(&client, update, &format!(r#"{{"i": {{{who}, "metadata": {{"id": 1e23}}}}}}"#)).await;
    assert_eq!(code(&answer), "NOT_FOUND", "{answer}");
    let changed = format!(r#"{{"i": {{{who}, "metadata": {{"id": 123456789012345678901}}}}}}"#);
    let answer = asked(&client, update, &changed).await;
    assert!(message(&answer).starts_with("input.metadata.id: "), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn reserved_keys_of_the_json_library_are_refused_in_metadata() {
    let server = TestServer::start().await;
    let client = server.client();
    for key in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
        for metadata in [json!({ key: "[1]" }), json!([{ "a": { key: "1" } }])] {
            assert_eq!(client.refusal(CREATE, json!({ "m": metadata })).await, "BAD_USER_INPUT", "{key}");
        }
    }
    server.stop().await;
}
