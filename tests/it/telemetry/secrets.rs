//! No data that clients entrust to the server is in its log or traces, at any log level and whatever
//! fails.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::multipart::Part;
use serde_json::{Value, json};

use super::collector::Collector;
use crate::support::binary::Binary;
use crate::support::client::upload_form;
use crate::support::{Client, Event, Socket, drawn, photo};

const KEY: &str = "planted-key-0123456789";
const WRONG_KEY: &str = "planted-wrong-key-0123456789";
const DISPLAY_NAME: &str = "PlantedDisplayName";
const EXTERNAL_ID: &str = "PlantedExternalId";
const GALLERY: &str = "planted-gallery";
const METADATA: &str = "PlantedMetadata";
const CONSENT: &str = "PlantedConsent";
const FILE_NAME: &str = "PlantedFileName.jpg";
const OPERATION: &str = "PlantedOperation";
const VARIABLE: &str = "plantedVariable";

/// Sends valid and invalid requests. Returns more texts that must not be logged: vectors, and the bytes of images.
async fn use_it(client: &Client) -> Vec<String> {
    let person = json!({
        "externalId": EXTERNAL_ID, "displayName": DISPLAY_NAME, "gallery": GALLERY,
        "metadata": { "note": METADATA },
        "consent": { "grantedAt": "2026-01-31T12:00:00Z", "reference": CONSENT },
        "images": [{ "base64": STANDARD.encode(photo("obama.jpg")) }],
    });
    let enroll = format!(
        "mutation {OPERATION}($input: EnrollPersonInput!) {{ enrollPerson(input: $input) {{ person {{ id }} }} }}"
    );
    let enrolled = client.send(&enroll, json!({ "input": person })).await;
    assert!(enrolled.get("errors").is_none(), "{enrolled}");
    let mut changed = person.clone();
    for (field, value) in [
        ("consent", json!({ "grantedAt": CONSENT })),
        ("displayName", json!(DISPLAY_NAME.repeat(100))),
        ("externalId", json!(EXTERNAL_ID.repeat(100))),
        ("images", json!([{ "base64": format!("{}!", STANDARD.encode(drawn(9))) }])),
        (VARIABLE, json!(METADATA)),
    ] {
        changed[field] = value;
        let refused = client.send(&enroll, json!({ "input": changed })).await;
        assert!(refused.get("errors").is_some(), "{field}: {refused}");
        changed = person.clone();
    }
    let vectors = upload(client, "obama.jpg", &photo("obama.jpg")).await;
    let mut broken = drawn(7);
    broken.truncate(5000);
    upload(client, FILE_NAME, &broken).await;
    // Not GraphQL, not JSON, not a form, not a known field, not an allowed key.
    for body in [
        json!({ "query": format!("{{ {VARIABLE}(id: \"{METADATA}\") }}") }).to_string(),
        json!({ "query": format!("{{ \"{METADATA}\" }}"), "operationName": OPERATION }).to_string(),
        format!("{{ \"query\": \"{METADATA}"),
    ] {
        client.post().header("Content-Type", "application/json").body(body).send().await.unwrap();
    }
    client.post().multipart(reqwest::multipart::Form::new().text(METADATA, CONSENT)).send().await.unwrap();
    let stranger = Client::new(client.address, Some(WRONG_KEY.into()));
    assert_eq!(stranger.refusal("{ service { version } }", json!({})).await, "UNAUTHENTICATED");
    let addressed = format!("http://{}/graphql?query={{{METADATA}}}&variables={CONSENT}", client.address);
    client.http.get(addressed).header("Authorization", format!("Bearer {KEY}")).send().await.unwrap();
    by_socket(client, &enroll, &person).await;
    let mut secrets = vectors;
    secrets
        .extend([photo("obama.jpg"), drawn(9), broken].iter().map(|bytes| STANDARD.encode(&bytes[600..900])));
    secrets
}

/// Uploads a file under a name of the client's, and waits until it is settled. Returns the numbers of its vectors as
/// text.
async fn upload(client: &Client, name: &str, bytes: &[u8]) -> Vec<String> {
    let query = format!(
        "mutation {{ createContainer(input: {{ metadata: {{ note: \"{METADATA}\" }} }}) {{ container {{ id }} }} }}"
    );
    let created = client.data(&query, json!({})).await;
    let container = created["createContainer"]["container"]["id"].as_str().unwrap();
    let file = Part::bytes(bytes.to_vec()).file_name(name.to_owned());
    client.post().multipart(upload_form(container, None).part("file", file)).send().await.unwrap();
    let mut socket = Socket::open(client.address, json!({ "X-API-Key": KEY })).await.unwrap();
    socket.follow_until_settled("1", container, 1).await;
    let images = socket.images().await;
    let encodings = images.last().unwrap()["encodings"].as_array().unwrap();
    let numbers = encodings.iter().filter_map(|encoding| encoding["vector"].as_array()).flatten();
    numbers.take(8).map(Value::to_string).collect()
}

/// The same over a WebSocket, and messages that are invalid.
async fn by_socket(client: &Client, enroll: &str, person: &Value) {
    assert!(Socket::open(client.address, json!({ "X-API-Key": WRONG_KEY })).await.is_none());
    let mut socket = Socket::open(client.address, json!({ "X-API-Key": KEY })).await.unwrap();
    socket.subscribe(METADATA, enroll, json!({ "input": person })).await;
    assert!(!matches!(socket.next().await, Event::Complete));
    socket.subscribe(OPERATION, &format!("{{ {VARIABLE} }}"), json!({})).await;
    while !matches!(socket.next().await, Event::Error(_)) {}
    socket.subscribe(METADATA, enroll, json!(CONSENT)).await;
    while socket.message().await.is_some() {}
}

#[tokio::test]
async fn entrusted_data_is_neither_in_the_log_nor_in_a_trace() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start().await);
    let keys = format!("acme:{KEY}");
    let settings = [
        ("FACEQL_API_KEY", keys.as_str()),
        ("FACEQL_LOG", "trace"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
    ];
    let binary = Binary::serve(folder.path(), &settings).await;
    let client = Client::new(binary.client.address, Some(KEY.into()));
    let mut secrets = use_it(&client).await;
    let log = binary.log_at_its_end();

    assert!(log.contains("answered") && log.contains("DEBUG"), "too little is logged for this test: {log}");
    let sent: Vec<u8> = collector.requests().into_iter().flat_map(|(_, body)| body).collect();
    let traces = String::from_utf8_lossy(&sent);
    assert!(traces.contains("mutation enrollPerson"), "nothing was traced");
    let planted = [
        KEY,
        WRONG_KEY,
        DISPLAY_NAME,
        EXTERNAL_ID,
        GALLERY,
        METADATA,
        CONSENT,
        FILE_NAME,
        OPERATION,
        VARIABLE,
    ];
    secrets.extend(planted.map(ToOwned::to_owned));
    assert!(secrets.len() > 20, "no vector was used");
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "the log contains {secret}");
        assert!(!traces.contains(&secret), "a trace contains {secret}");
    }
}
