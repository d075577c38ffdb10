//! GraphQL over HTTP by its specification: media types, status codes, methods, batches, and the limits on foreign
//! pages.

use reqwest::{Response, header};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::client::{http, read, upload_form};
use crate::support::server::{eventually, soon};
use crate::support::{TestServer, code, drawn};

const RESPONSE: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

async fn post(server: &TestServer, accept: &str, body: &Value) -> Response {
    let request = http().post(url(server)).header(header::ACCEPT, accept);
    request.json(body).send().await.unwrap()
}

fn url(server: &TestServer) -> String {
    format!("http://{}/graphql", server.address)
}

/// The status, the media type and the body of a response.
async fn told(response: Response) -> (u16, String, Value) {
    let status = response.status().as_u16();
    let content_type = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    (status, content_type, read(response).await)
}

#[tokio::test]
async fn responses_have_the_media_type_that_the_client_prefers() {
    let server = TestServer::start().await;
    let query = json!({ "query": "{ __typename }" });
    for (accept, expected) in [
        (RESPONSE, RESPONSE),
        (JSON, JSON),
        ("*/*", JSON),
        ("application/graphql-response+json, application/json;q=0.9", RESPONSE),
    ] {
        let (status, content_type, body) = told(post(&server, accept, &query).await).await;
        assert_eq!((status, &body), (200, &json!({ "data": { "__typename": "Query" } })));
        assert_eq!(content_type, format!("{expected}; charset=utf-8"), "{accept}");
    }
    let (status, _, body) = told(post(&server, "text/html", &query).await).await;
    assert_eq!((status, code(&body)), (406, "NOT_ACCEPTABLE"));
    server.stop().await;
}

#[tokio::test]
async fn status_reports_the_outcome_of_the_request() {
    let server = TestServer::start().await;
    for (query, variables, expected) in [
        ("{", json!({}), "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        (
            "query($first: Int!) { containers(first: $first) { totalCount } }",
            json!({}),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("query A { __typename } query B { __typename }", json!({}), "BAD_USER_INPUT"),
    ] {
        let body = json!({ "query": query, "variables": variables });
        let (status, _, response) = told(post(&server, RESPONSE, &body).await).await;
        assert_eq!(status, 400, "{query}");
        assert!(response.get("data").is_none(), "it was not executed: {response}");
        if query != "query($first: Int!) { containers(first: $first) { totalCount } }" {
            assert_eq!(code(&response), expected, "{query}");
        }
        let (status, _, response) = told(post(&server, JSON, &body).await).await;
        assert_eq!((status, response.get("data")), (200, None), "{query}");
    }
    // A failed field is null in `data`.
    let body = json!({ "query": "mutation { deleteContainer(input: { containerId: \"x\" }) { deletedContainerId } }" });
    for accept in [RESPONSE, JSON] {
        let (status, _, response) = told(post(&server, accept, &body).await).await;
        assert_eq!((status, &response["data"], code(&response)), (200, &Value::Null, "INVALID_ID"));
        assert!(response.as_object().unwrap().contains_key("data"));
    }
    server.stop().await;
}

#[tokio::test]
async fn malformed_requests_are_400_in_every_media_type() {
    let server = TestServer::start().await;
    let query = "{ __typename }";
    for body in [
        json!({ "qeury": query }),
        json!({ "query": 7 }),
        json!({ "query": query, "operationName": ["a"] }),
        json!({ "query": query, "variables": "a" }),
        json!({ "query": query, "variables": [] }),
        json!({ "query": query, "extensions": 0 }),
        json!({ "query": query, "extensions": [{}] }),
        json!([{ "query": query }]),
        json!("text"),
    ] {
        for accept in [RESPONSE, JSON] {
            let (status, content_type, response) = told(post(&server, accept, &body).await).await;
            assert_eq!((status, code(&response)), (400, "BAD_USER_INPUT"), "{body}");
            assert!(content_type.starts_with(accept) && response.get("data").is_none());
        }
    }
    let null = json!({ "query": query, "operationName": null, "variables": null, "extensions": null });
    assert_eq!(post(&server, RESPONSE, &null).await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn queries_may_be_sent_by_get_but_mutations_may_not() {
    let server = TestServer::start().await;
    let get = async |parameters: &[(&str, &str)]| {
        let url = reqwest::Url::parse_with_params(&url(&server), parameters).unwrap();
        told(http().get(url).send().await.unwrap()).await
    };
    let (status, _, response) = get(&[
        ("query", "query Named($first: Int) { containers(first: $first) { totalCount } }"),
        ("operationName", "Named"),
        ("variables", r#"{"first": 1}"#),
        ("extensions", "{}"),
    ])
    .await;
    assert_eq!((status, &response), (200, &json!({ "data": { "containers": { "totalCount": 0 } } })));
    let (status, _, response) = get(&[("query", "mutation { createContainer { container { id } } }")]).await;
    assert_eq!((status, code(&response)), (405, "METHOD_NOT_ALLOWED"));
    for wrong in [
        &[][..],
        &[("query", "{ __typename }"), ("variables", "first")],
        &[("query", "{ __typename }"), ("variables", "[]")],
    ] {
        let (status, _, response) = get(wrong).await;
        assert_eq!((status, code(&response)), (400, "BAD_USER_INPUT"), "{wrong:?}");
    }
    // It is ambiguous which one is meant.
    let several = "query A { __typename } mutation B { createContainer { container { id } } }";
    for _ in 0..8 {
        assert_eq!(get(&[("query", several)]).await.0, 200);
    }
    assert_eq!(get(&[("query", several), ("operationName", "B")]).await.0, 405);
    let head = async |query: &str| {
        let url = reqwest::Url::parse_with_params(&url(&server), [("query", query)]).unwrap();
        http().head(url).send().await.unwrap().status()
    };
    assert_eq!(head("{ __typename }").await, 200);
    assert_eq!(head("mutation { createContainer { container { id } } }").await, 405);
    let put = http().put(url(&server)).body("{}").send().await.unwrap();
    assert_eq!(put.headers()[header::ALLOW], "GET, POST");
    assert_eq!(told(put).await.0, 405);
    assert_eq!(server.holdings().await.0, 0);
    server.stop().await;
}

#[tokio::test]
async fn batches_are_off_by_default_and_limited_if_enabled() {
    let server = TestServer::with(&[("FACEQL_MAX_BATCH", "2")]).await;
    let one = json!({ "query": "{ __typename }" });
    let wrong = json!({ "query": "{ nothing }" });
    let (status, _, response) = told(post(&server, JSON, &json!([one, wrong])).await).await;
    assert_eq!((status, &response[0]), (200, &json!({ "data": { "__typename": "Query" } })));
    assert_eq!(code(&response[1]), "GRAPHQL_VALIDATION_FAILED");
    let follow = json!({ "query": "subscription { detectionFeed { cursor } }" });
    let (status, _, response) = told(post(&server, JSON, &json!([follow, one])).await).await;
    assert_eq!((status, &response[1]), (200, &json!({ "data": { "__typename": "Query" } })));
    assert_eq!(response[0]["errors"][0]["message"], "a batch cannot contain subscriptions");
    let (status, _, response) = told(post(&server, "text/event-stream", &json!([one])).await).await;
    assert_eq!((status, code(&response)), (406, "NOT_ACCEPTABLE"));
    for batch in [json!([]), json!([one, one, one])] {
        let (status, _, response) = told(post(&server, JSON, &batch).await).await;
        assert_eq!((status, code(&response)), (400, "BAD_USER_INPUT"));
    }
    server.stop().await;
}

#[tokio::test]
async fn upload_without_a_preflight_header_is_refused() {
    let server = TestServer::start().await;
    let container = server.client().create_container().await;
    let form = || {
        let file = reqwest::multipart::Part::bytes(drawn(1));
        upload_form(&container, None).part("file", file)
    };
    let (status, _, response) = told(http().post(url(&server)).multipart(form()).send().await.unwrap()).await;
    assert_eq!((status, code(&response)), (403, "CSRF_REFUSED"));
    assert_eq!(server.holdings().await.0, 0);
    // No file name is needed.
    for name in ["apollo-require-preflight", "x-apollo-operation-name", "x-requested-with"] {
        let request = http().post(url(&server)).header(name, "1").multipart(form());
        let (status, _, response) = told(request.send().await.unwrap()).await;
        assert!(status == 200 && response.get("errors").is_none(), "{name}: {response}");
    }
    server.stop_with_jobs().await;
}

#[tokio::test]
async fn subscriptions_stream_as_server_sent_events() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    client.upload(&container, drawn(1)).await;
    let query =
        "subscription($id: ID!) { imageStatusChanged(containerId: $id, untilSettled: true) { status } }";
    let body = json!({ "query": query, "variables": { "id": container } });
    let stream = post(&server, "text/event-stream", &body).await;
    assert!(stream.headers()[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/event-stream"));
    assert_eq!(stream.headers()["x-accel-buffering"], "no");
    let told = events(&stream.text().await.unwrap());
    let (last, states) = told.split_last().unwrap();
    assert_eq!(last, &("complete".to_owned(), String::new()));
    let settled = states.last().unwrap();
    assert_eq!(settled.0, "next");
    assert_eq!(settled.1, r#"{"data":{"imageStatusChanged":{"status":"COMPLETED"}}}"#);
    // A query too, and the refusal of a subscription.
    let answer = post(&server, "text/event-stream", &json!({ "query": "{ __typename }" })).await;
    let told = events(&answer.text().await.unwrap());
    assert_eq!(told[0].1, r#"{"data":{"__typename":"Query"}}"#);
    assert_eq!(told.len(), 2);
    let refused = post(&server, JSON, &body).await;
    assert_eq!((refused.status().as_u16(), code(&read(refused).await)), (406, "NOT_ACCEPTABLE"));
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_does_not_complete_its_subscriptions() {
    let server = TestServer::start().await;
    let body = json!({ "query": "subscription { detectionFeed { cursor } }" });
    let stream = post(&server, "text/event-stream", &body).await;
    eventually(async || server.detections.feed.topic_count() == 1).await;
    server.stop().await;
    assert_eq!(events(&stream.text().await.unwrap()), [], "its client should reconnect");
}

/// The name and the data of each event.
fn events(text: &str) -> Vec<(String, String)> {
    let event = |event: &str| {
        let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Some((line("event")?.trim().to_owned(), line("data").unwrap_or_default().trim().to_owned()))
    };
    text.split("\n\n").filter_map(event).collect()
}

#[tokio::test]
async fn a_request_that_takes_too_long_times_out() {
    let script = crate::support::engine::Script::gated();
    let settings = [("FACEQL_REQUEST_TIMEOUT_SECONDS", "1")];
    let clock = faceql::clock::Clock::system();
    let server = TestServer::assemble(&settings, clock, script.encoder().await).await;
    let image = crate::people::picture(&drawn(1));
    let query = "mutation($image: ImageInput!) { compareFaces(input: { source: $image, target: $image }) { match { distance } } }";
    let body = json!({ "query": query, "variables": { "image": image } });
    let (status, _, response) = told(post(&server, JSON, &body).await).await;
    assert_eq!((status, code(&response)), (200, "TIMEOUT"));
    let (status, _, response) = told(post(&server, RESPONSE, &body).await).await;
    assert_eq!((status, code(&response)), (408, "TIMEOUT"));
    let told = events(&post(&server, "text/event-stream", &body).await.text().await.unwrap());
    assert!(told.len() == 2 && told[0].1.contains("TIMEOUT"), "{told:?}");
    script.open();
    server.stop().await;
}

#[tokio::test]
async fn only_pages_of_allowed_origins_may_send_and_read() {
    let settings = [("FACEQL_ALLOWED_ORIGINS", "https://app.example")];
    let server = TestServer::with(&settings).await;
    let preflight = async |origin: &str| {
        let request = http().request(reqwest::Method::OPTIONS, url(&server)).header(header::ORIGIN, origin);
        let request = request.header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
        let request = request.header(header::ACCESS_CONTROL_REQUEST_HEADERS, "x-api-key, content-type");
        request.send().await.unwrap().headers().clone()
    };
    let allowed = preflight("https://app.example").await;
    assert_eq!(allowed[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example");
    for name in ["x-api-key", "x-graphql-cost"] {
        assert!(allowed[header::ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap().contains(name), "{name}");
    }
    let foreign = preflight("https://evil.example").await;
    assert!(foreign.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_none());

    let query = async |origin: &str| {
        let request = http().post(url(&server)).header(header::ORIGIN, origin);
        request.json(&json!({ "query": "{ __typename }" })).send().await.unwrap()
    };
    let read = query("https://app.example").await;
    assert_eq!(read.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example");
    let readable = read.headers()[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
    for name in ["x-request-id", "retry-after", "ratelimit", "ratelimit-policy"] {
        assert!(readable.split(',').any(|told| told == name), "{readable}");
    }
    let refused = query("https://evil.example").await;
    assert_eq!(
        (refused.status().as_u16(), told(refused).await.2["errors"][0]["extensions"]["code"].take()),
        (403, json!("CSRF_REFUSED"))
    );
    server.stop().await;
}

#[tokio::test]
async fn requests_together_stay_within_the_memory_limit() {
    let settings = [
        ("FACEQL_MAX_UPLOAD_BYTES", "65536"),
        ("FACEQL_MAX_REQUEST_BYTES", "100000"),
        ("FACEQL_MAX_BYTES_IN_FLIGHT", "150000"),
    ];
    let server = TestServer::with(&settings).await;
    // It arrives almost completely and does not end, unless it is the one for which there is no memory.
    let begin = async || {
        let mut unended = TcpStream::connect(server.address).await.unwrap();
        let head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                    Content-Length: 90000\r\n\r\n";
        unended.write_all(head.as_bytes()).await.unwrap();
        unended.write_all(&vec![b' '; 85_000]).await.unwrap();
        unended
    };
    let long = json!({ "query": "{ __typename }", "variables": { "unused": "x".repeat(80_000) } });
    let is_refused = async || {
        let (status, _, response) = told(post(&server, JSON, &long).await).await;
        status == 503 && code(&response) == "OVERLOADED"
    };
    let mut unended = begin().await;
    soon(async {
        while !is_refused().await {
            unended = begin().await;
        }
    })
    .await;
    let short = json!({ "query": "{ __typename }" });
    assert_eq!(post(&server, JSON, &short).await.status(), 200, "there is room for a short one");
    drop(unended);
    eventually(async || post(&server, JSON, &long).await.status() == 200).await;
    server.stop().await;
}

#[tokio::test]
async fn a_stream_holds_the_memory_of_its_request_until_it_ends() {
    let settings = [
        ("FACEQL_MAX_UPLOAD_BYTES", "65536"),
        ("FACEQL_MAX_REQUEST_BYTES", "100000"),
        ("FACEQL_MAX_BYTES_IN_FLIGHT", "150000"),
    ];
    let server = TestServer::with(&settings).await;
    let long = |query: &str| json!({ "query": query, "variables": { "unused": "x".repeat(80_000) } });
    let stream = post(&server, "text/event-stream", &long("subscription { detectionFeed { cursor } }")).await;
    assert_eq!(stream.status(), 200);
    let (status, _, response) = told(post(&server, JSON, &long("{ __typename }")).await).await;
    assert_eq!((status, code(&response)), (503, "OVERLOADED"));
    drop(stream);
    eventually(async || post(&server, JSON, &long("{ __typename }")).await.status() == 200).await;
    server.stop().await;
}

#[tokio::test]
async fn request_id_is_returned_unless_it_is_too_long_or_not_printable() {
    let server = TestServer::start().await;
    let id_for = async |sent: &str| {
        let request = http().post(url(&server)).header("x-request-id", sent);
        let answer = request.json(&json!({ "query": "{ __typename }" })).send().await.unwrap();
        answer.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    let longest = "x".repeat(64);
    assert_eq!(id_for(&longest).await, longest);
    for unfit in [&*"x".repeat(65), "two words", ""] {
        let id = id_for(unfit).await;
        assert!(id != unfit && id.len() == 32, "{id}");
    }
    server.stop().await;
}
