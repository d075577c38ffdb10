//! `/metrics`: what it counts, under which names, and who may read it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use faceql::clock::Clock;
use reqwest::{Response, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;

use crate::people::picture;
use crate::support::client::http;
use crate::support::engine::Script;
use crate::support::server::eventually;
use crate::support::socket::settle;
use crate::support::{Client, Event, Socket, TestServer, code, drawn, photo};

async fn scrape(client: &Client, headers: &[(&str, &str)]) -> Response {
    let request = client.http.get(format!("http://{}/metrics", client.address));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

/// The samples that are integers, by their names and labels.
async fn samples(client: &Client) -> HashMap<String, u64> {
    let text = scrape(client, &[]).await.text().await.unwrap();
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        Some((name.to_owned(), value.trim_end_matches(".0").parse().ok()?))
    };
    text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
}

/// A server whose engine behaves by `script`.
async fn server(script: &Arc<Script>) -> TestServer {
    TestServer::assemble(&[], Clock::system(), script.encoder().await).await
}

/// A server whose engine holds that container's image until the gate opens.
async fn busy() -> (Arc<Script>, TestServer, String) {
    let script = Script::gated();
    let server = server(&script).await;
    let container = server.client().create_container().await;
    server.client().upload(&container, drawn(0)).await;
    script.asked(1).await;
    (script, server, container)
}

#[tokio::test]
async fn operations_are_counted_by_type_and_outcome_over_every_transport() {
    let server = TestServer::with(&[("FACEQL_MAX_BATCH", "5")]).await;
    let client = server.client();
    let version = "{ service { version } }";
    client.data(version, json!({})).await;
    client.refusal("{ nothing }", json!({})).await;
    client.create_container().await;
    client.post().json(&json!([{ "query": version }, { "query": "{" }])).send().await.unwrap();
    client.post().body("none").header("Content-Type", "text/plain").send().await.unwrap();
    let mut socket = Socket::connect(&server).await;
    socket.subscribe("1", version, json!({})).await;
    while !matches!(socket.next().await, Event::Complete) {}

    let samples = samples(&client).await;
    let operations = |operation, outcome| {
        samples[&format!("faceql_operations_total{{operation=\"{operation}\",outcome=\"{outcome}\"}}")]
    };
    assert_eq!(operations("query", "OK"), 3);
    assert_eq!(operations("query", "GRAPHQL_VALIDATION_FAILED"), 1);
    assert_eq!(operations("mutation", "OK"), 1);
    assert_eq!(operations("unknown", "GRAPHQL_PARSE_FAILED"), 1);
    assert_eq!(operations("unknown", "UNSUPPORTED_MEDIA_TYPE"), 1);
    assert_eq!(samples["faceql_operation_duration_seconds_count{operation=\"query\"}"], 4);
    // Documents that do not parse or are not valid have no cost.
    assert_eq!(samples["faceql_operation_cost_count{operation=\"query\"}"], 3);
    assert_eq!(samples["faceql_operation_cost_count{operation=\"mutation\"}"], 1);
    assert_eq!(samples["faceql_http_requests_total{route=\"/graphql\",status=\"200\"}"], 4);
    assert_eq!(samples["faceql_http_requests_total{route=\"/graphql\",status=\"415\"}"], 1);
    assert_eq!(samples["faceql_http_requests_total{route=\"/graphql\",status=\"101\"}"], 1);
    assert!(samples["process_resident_memory_bytes"] > 1_000_000);
    server.stop().await;
}

#[tokio::test]
async fn sockets_and_subscriptions_are_counted_while_they_are_open() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    let open = async || {
        let samples = samples(&client).await;
        let of = |name: &str| samples.get(name).copied().unwrap_or_default();
        (
            of("faceql_sockets"),
            of("faceql_subscriptions{transport=\"websocket\"}"),
            of("faceql_subscriptions{transport=\"events\"}"),
        )
    };
    let mut socket = Socket::connect(&server).await;
    socket.follow(&container).await;
    let query = json!({ "query": "subscription { detectionFeed { cursor } }" });
    let events = client.post().header("Accept", "text/event-stream").json(&query).send().await.unwrap();
    eventually(async || open().await == (1, 1, 1)).await;
    drop((socket, events));
    eventually(async || open().await == (0, 0, 0)).await;
    let ended = samples(&client).await["faceql_operations_total{operation=\"subscription\",outcome=\"OK\"}"];
    assert_eq!(ended, 2);
    server.stop().await;
}

#[tokio::test]
async fn queue_is_counted_in_its_current_state_and_attempts_by_outcome() {
    let (script, server, container) = busy().await;
    let client = server.client();
    let queue = |samples: &HashMap<String, u64>, state| {
        samples[&format!("faceql_queue_jobs{{kind=\"encode_image\",state=\"{state}\"}}")]
    };
    let busy = samples(&client).await;
    assert_eq!((queue(&busy, "waiting"), queue(&busy, "running")), (0, 1));
    script.fail(2);
    script.open();
    settle(&server, &container, 1).await;

    // The queue is counted again after two seconds.
    eventually(async || queue(&samples(&client).await, "running") == 0).await;
    let idle = samples(&client).await;
    assert_eq!(queue(&idle, "waiting"), 0);
    let attempts =
        |outcome| idle[&format!("faceql_job_attempts_total{{kind=\"encode_image\",outcome=\"{outcome}\"}}")];
    assert_eq!((attempts("retried"), attempts("completed")), (2, 1));
    assert_eq!(idle["faceql_queue_wait_seconds_count{kind=\"encode_image\"}"], 3);
    assert_eq!(idle["faceql_job_attempt_duration_seconds_count{kind=\"encode_image\"}"], 3);
    assert_eq!(idle["faceql_engine_step_duration_seconds_count{step=\"detect\"}"], 3);
    assert_eq!(idle["faceql_engine_wait_seconds_count{urgency=\"background\"}"], 3);
    assert_eq!(idle["faceql_engine_batch_images_sum"], 3);
    assert_eq!(idle["faceql_engine_threads"], 1);
    server.stop().await;
}

#[tokio::test]
async fn faces_in_the_index_and_each_step_of_the_engine_are_counted() {
    let server = TestServer::start().await;
    let query = r#"mutation($image: ImageInput!) { enrollPerson(input: { externalId: "barack", images: [$image],
        consent: { grantedAt: "2026-01-31T12:00:00Z", reference: "form 7" } }) { person { id } } }"#;
    server.client().data(query, json!({ "image": picture(&photo("obama.jpg")) })).await;
    let samples = samples(&server.client()).await;
    assert_eq!(samples["faceql_index_faces"], 1);
    for step in ["decode", "detect", "encode"] {
        assert!(samples[&format!("faceql_engine_step_duration_seconds_count{{step=\"{step}\"}}")] > 0);
    }
    assert!(samples["faceql_engine_wait_seconds_count{urgency=\"urgent\"}"] > 0);
    assert_eq!(samples["faceql_http_request_duration_seconds_count{route=\"/graphql\"}"], 1);
    assert!(samples["process_virtual_memory_bytes"] > 1_000_000);
    server.stop().await;
}

#[tokio::test]
async fn images_that_wait_for_the_engine_are_counted() {
    let (script, server, container) = busy().await;
    let client = server.client();
    client.upload(&container, drawn(1)).await;
    let waiting = "faceql_engine_waiting_images{urgency=\"background\"}";
    eventually(async || samples(&client).await[waiting] == 1).await;
    script.open();
    settle(&server, &container, 2).await;
    assert_eq!(samples(&client).await[waiting], 0);
    server.stop().await;
}

#[tokio::test]
async fn client_that_disconnects_is_counted_as_well() {
    let script = Script::gated();
    let server = server(&script).await;
    let client = server.client();
    let query = "mutation($input: CompareFacesInput!) { compareFaces(input: $input) { match { decision } } }";
    let picture = picture(&drawn(0));
    let asking = tokio::spawn({
        let client = client.clone();
        let variables = json!({ "input": { "source": picture, "target": picture } });
        async move { client.send(query, variables).await }
    });
    script.asked(1).await;
    asking.abort();
    let gone = "faceql_http_requests_total{route=\"/graphql\",status=\"499\"}";
    eventually(async || samples(&client).await.get(gone) == Some(&1)).await;
    script.open();
    server.stop().await;
}

#[tokio::test]
async fn metrics_need_an_admin_key() {
    let keys = "acme:0123456789abcdef,acme:reads-0123456789:read,acme:rules-0123456789:read+write+admin";
    let server = TestServer::with(&[("FACEQL_API_KEY", keys)]).await;
    let client = server.client();
    for (key, status, refusal) in [
        ("nobody's-0123456", StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
        ("reads-0123456789", StatusCode::FORBIDDEN, "FORBIDDEN"),
        ("0123456789abcdef", StatusCode::FORBIDDEN, "FORBIDDEN"),
    ] {
        let answer = scrape(&client, &[("X-API-Key", key)]).await;
        assert_eq!(answer.status(), status, "{key}");
        assert_eq!(code(&answer.json().await.unwrap()), refusal);
    }
    let answer = scrape(&client, &[("X-API-Key", "rules-0123456789")]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(
        answer.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(answer.text().await.unwrap().ends_with("# EOF\n"));
    server.stop().await;
}

#[tokio::test]
async fn metrics_need_no_key_at_their_own_address_which_serves_nothing_else() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let listen = address.to_string();
    let keys = ("FACEQL_API_KEY", "acme:0123456789abcdef");
    let server = TestServer::with(&[keys, ("FACEQL_METRICS_LISTEN", &listen)]).await;
    let get = async |path: &str| http().get(format!("http://{address}{path}")).send().await.unwrap();
    // Requests at one address respond the same at the other.
    scrape(&server.client(), &[]).await;
    assert!(get("/metrics").await.text().await.unwrap().contains("faceql_build_info"));
    for path in ["/graphql", "/health/ready", "/"] {
        assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn every_metric_is_documented_and_every_documented_one_is_exposed() {
    let script = Script::failing(0);
    let server = server(&script).await;
    let client = server.client();
    let container = client.create_container().await;
    // Metrics appear only after something has happened.
    let mut socket = Socket::connect(&server).await;
    socket.follow(&container).await;
    client.upload(&container, drawn(0)).await;
    settle(&server, &container, 1).await;
    let text = scrape(&client, &[]).await.text().await.unwrap();
    let told = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(|line| {
        let (name, kind) = line.split_once(' ').unwrap();
        match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        }
    });
    let told: BTreeSet<String> = told.collect();
    let reference = include_str!("../../../docs/reference/observability.md").split('`').skip(1).step_by(2);
    let names = reference.map(|code| code.split('{').next().unwrap());
    let documented = names.filter(|name| name.starts_with("faceql_") || name.starts_with("process_"));
    let mut documented: BTreeSet<String> = documented.map(ToOwned::to_owned).collect();
    // Exists only with an external encoding service.
    assert!(documented.remove("faceql_encoding_service_duration_seconds"));
    assert_eq!(told, documented);
    drop(socket);
    server.stop().await;
}
