//! One trace from a request to the end of its job, sent to a real collector.

use std::collections::{BTreeSet, HashMap};

use entity::job;
use reqwest::multipart::Part;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::collector::{Collector, Span};
use crate::support::binary::Binary;
use crate::support::client::{read, upload_form};
use crate::support::engine::Script;
use crate::support::{Client, Event, Socket, TestServer, drawn, photo};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A server that sends its traces to `collector`.
async fn traced(folder: &std::path::Path, collector: &Collector, more: &[(&str, &str)]) -> Binary {
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()), ("OTEL_SERVICE_NAME", "faces")];
    Binary::serve(folder, &settings.into_iter().chain(more.iter().copied()).collect::<Vec<_>>()).await
}

/// Uploads a photo in a request with these headers, and waits until its image is settled.
async fn upload(client: &Client, headers: &[(&str, &str)]) {
    let container = client.create_container().await;
    let form = upload_form(&container, None).part("file", Part::bytes(photo("obama.jpg")).file_name("x.jpg"));
    let request = headers.iter().fold(client.post(), |request, (name, value)| request.header(*name, *value));
    let answer = read(request.multipart(form).send().await.unwrap()).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    let mut socket = Socket::open(client.address, json!({})).await.unwrap();
    socket.follow_until_settled("1", &container, 1).await;
    assert_eq!(socket.images().await.last().unwrap()["status"], "COMPLETED");
}

fn names(spans: &[Span]) -> BTreeSet<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

/// The name of each span's parent; "caller" for the caller's span.
fn parents(spans: &[Span]) -> HashMap<&str, &str> {
    let name_of = |id: &str| match spans.iter().find(|span| span.id == id) {
        Some(span) => span.name.as_str(),
        None if id == CALLER => "caller",
        None => panic!("a span's parent {id} did not arrive: {spans:#?}"),
    };
    spans.iter().map(|span| (span.name.as_str(), name_of(&span.parent))).collect()
}

#[tokio::test]
async fn upload_is_one_trace_from_its_caller_to_completed() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start().await);
    let binary = traced(folder.path(), &collector, &[("OTEL_EXPORTER_OTLP_HEADERS", "x-team=faces")]).await;
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    upload(&binary.client, &[("traceparent", &traceparent), ("X-Request-Id", "mine")]).await;
    // Stopping it flushes the remaining spans.
    assert!(binary.terminate().success());

    let spans = collector.trace(TRACE);
    let expected = [
        ("POST /graphql", "caller"),
        ("mutation uploadImage", "POST /graphql"),
        ("encode_image", "mutation uploadImage"),
        ("wait for the engine", "encode_image"),
        ("decode", "encode_image"),
        ("batch", "encode_image"),
        ("detect", "batch"),
        ("encode", "batch"),
        ("finish", "encode_image"),
    ];
    assert_eq!(parents(&spans), HashMap::from(expected));
    let of = |name: &str| &spans.iter().find(|span| span.name == name).unwrap().attributes;
    let request = of("POST /graphql");
    assert_eq!((&*request["http.response.status_code"], &*request["request.id"]), ("200", "mine"));
    assert_eq!((&*of("encode_image")["outcome"], &*of("encode_image")["job.attempt"]), ("completed", "1"));
    assert!(spans.iter().all(|span| span.events == 0 && !span.failed), "{spans:#?}");
    assert!(collector.services().iter().all(|service| service == "faces"));
    assert!(collector.requests().iter().all(|(headers, _)| headers["x-team"] == "faces"));
}

#[tokio::test]
async fn request_without_a_trace_starts_one_and_so_does_each_operation_of_a_socket() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start().await);
    let binary = traced(folder.path(), &collector, &[]).await;
    upload(&binary.client, &[]).await;
    upload(&binary.client, &[("traceparent", "nonsense")]).await;
    let mut socket = Socket::open(binary.client.address, json!({})).await.unwrap();
    for operation in ["1", "2"] {
        socket.subscribe(operation, "{ service { version } }", json!({})).await;
        while !matches!(socket.next().await, Event::Complete) {}
    }
    assert!(binary.terminate().success());

    let spans = collector.spans();
    let traces_of = |name: &str| {
        let named = spans.iter().filter(|span| span.name == name);
        named.map(|span| span.trace.as_str()).collect::<Vec<_>>()
    };
    let uploads = traces_of("mutation uploadImage");
    assert_eq!(uploads.len(), 2);
    assert_ne!(uploads[0], uploads[1]);
    assert_eq!(BTreeSet::from_iter(traces_of("encode_image")), BTreeSet::from_iter(uploads));
    let asked = traces_of("query service");
    assert_eq!(asked.len(), 2);
    assert_ne!(asked[0], asked[1]);
}

#[tokio::test]
async fn caller_that_does_not_sample_is_not_traced() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start().await);
    let binary = traced(folder.path(), &collector, &[]).await;
    upload(&binary.client, &[("traceparent", &format!("00-{TRACE}-{CALLER}-00"))]).await;
    assert!(binary.terminate().success());
    assert_eq!(collector.trace(TRACE).len(), 0);
    // The upload's preparation was traced: its container.
    assert!(names(&collector.spans()).contains("mutation createContainer"));
}

#[tokio::test]
async fn failure_is_marked_in_the_trace() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start().await);
    let binary = traced(folder.path(), &collector, &[]).await;
    let client = &binary.client;
    assert_eq!(client.refusal("{ nothing }", json!({})).await, "GRAPHQL_VALIDATION_FAILED");
    let container = client.create_container().await;
    let mut broken = drawn(0);
    broken.truncate(200);
    client.upload(&container, broken).await;
    let mut socket = Socket::open(client.address, json!({})).await.unwrap();
    socket.follow_until_settled("1", &container, 1).await;
    assert_eq!(socket.images().await.last().unwrap()["status"], "FAILED");
    assert!(binary.terminate().success());

    let spans = collector.spans();
    let wrong = spans.iter().find(|span| span.attributes.contains_key("error.type")).unwrap();
    // The field is not in the schema: it could be any text.
    assert_eq!((&*wrong.name, &*wrong.attributes["error.type"]), ("query", "GRAPHQL_VALIDATION_FAILED"));
    assert!(!wrong.failed, "a mistake of the caller is not a failure of the server");
    let job = spans.iter().find(|span| span.name == "encode_image").unwrap();
    assert_eq!((job.failed, &*job.attributes["outcome"]), (true, "failed"));
}

#[tokio::test]
async fn encoding_service_continues_the_trace() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start().await);
    let service_folder = tempfile::tempdir().unwrap();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str());
    let service = Binary::start(service_folder.path(), "encoder", &[endpoint]).await;
    let url = format!("http://{}/v1/selfie", service.client.address);
    let binary = traced(folder.path(), &collector, &[("ENCODING_SERVICE_URL", &url)]).await;
    upload(&binary.client, &[("traceparent", &format!("00-{TRACE}-{CALLER}-01"))]).await;
    assert!(binary.terminate().success() && service.terminate().success());

    let spans = collector.trace(TRACE);
    let parents = parents(&spans);
    assert_eq!(parents["encoding service"], "encode_image");
    assert_eq!(parents["POST /v1/selfie"], "encoding service");
    assert_eq!(parents["decode"], "POST /v1/selfie");
}

#[tokio::test]
async fn without_a_collector_nothing_is_traced_and_jobs_have_no_trace() {
    let script = Script::gated();
    let server = TestServer::assemble(&[], faceql::clock::Clock::system(), script.encoder().await).await;
    let container = server.client().create_container().await;
    let form = upload_form(&container, None).part("file", Part::bytes(drawn(1)));
    let request = server.client().post().header("traceparent", format!("00-{TRACE}-{CALLER}-01"));
    let answer: Value = read(request.multipart(form).send().await.unwrap()).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    let jobs = job::Entity::find().all(server.containers.database.reader()).await.unwrap();
    assert_eq!(jobs.iter().map(|job| job.traceparent.clone()).collect::<Vec<_>>(), [None]);
    script.open();
    crate::support::socket::settle(&server, &container, 1).await;
    server.stop().await;
}
