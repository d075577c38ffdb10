//! Rate limits of one key: the cost of operations and the bytes sent, over HTTP and WebSockets.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::access::tenants::{ACME, OTHER};
use crate::support::client::read;
use crate::support::{Client, TestServer, code};
use crate::transports::socket_protocol::{FEED, Raw, subscribe};

/// Costs more than half of a budget of one hundred.
const COSTLY: &str = "{ containers(first: 30) { nodes { id } } }";
const VERSION: &str = "{ service { version } }";

/// A server on which a key may spend one hundred at once, and hardly more within a test.
async fn server(further: &[(&str, &str)]) -> TestServer {
    let keys = format!("acme:{ACME}, other:{OTHER}");
    let mut settings = vec![
        ("FACEQL_API_KEY", &*keys),
        ("FACEQL_MAX_QUERY_COST", "100"),
        ("FACEQL_RATE_COST_PER_SECOND", "1"),
    ];
    settings.extend(further);
    TestServer::with(&settings).await
}

async fn post(client: &Client, query: &str) -> Response {
    client.post().json(&json!({ "query": query })).send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

/// The rate limit refusal, as given in the response's body and header.
async fn assert_rate_limited(response: Response) {
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = header(&response, "retry-after").parse().unwrap();
    let response = read(response).await;
    assert_eq!(code(&response), "RATE_LIMITED");
    let wait = response["errors"][0]["extensions"]["retryAfterMs"].as_u64().unwrap();
    assert_eq!(wait.div_ceil(1000), seconds);
    assert!((1..=120_000).contains(&wait) && response.get("data").is_none(), "{response}");
}

#[tokio::test]
async fn costs_are_limited_for_each_key_separately() {
    let server = server(&[]).await;
    let (acme, other) = (server.client_with_key(ACME), server.client_with_key(OTHER));
    let first = post(&acme, COSTLY).await;
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(header(&first, "ratelimit-policy"), r#""cost";q=100;w=100"#);
    let left: u64 =
        header(&first, "ratelimit").split_once("r=").unwrap().1.split(';').next().unwrap().parse().unwrap();
    assert!(left < 50, "{left}");
    let refused = post(&acme, COSTLY).await;
    assert_eq!(header(&refused, "ratelimit"), r#""cost";r=0;t=100"#);
    assert_rate_limited(refused).await;
    // The refusal cost nothing: a small operation succeeds.
    assert_eq!(post(&acme, VERSION).await.status(), StatusCode::OK);
    assert_eq!(post(&other, COSTLY).await.status(), StatusCode::OK);
    let event = acme.post().header("Accept", "text/event-stream").json(&json!({ "query": VERSION }));
    assert_eq!(header(&event.send().await.unwrap(), "ratelimit-policy"), r#""cost";q=100;w=100"#);
    // An operation that was refused before pricing reports no cost.
    let malformed = post(&acme, "{").await;
    assert!(malformed.headers().get("ratelimit").is_none());
    server.stop().await;
}

#[tokio::test]
async fn sockets_and_requests_of_a_key_share_one_budget() {
    let server = server(&[]).await;
    let mut socket = Raw::speaking(&server).await;
    socket.say(json!({ "type": "connection_init", "payload": { "X-API-Key": ACME } })).await;
    assert_eq!(socket.hear().await["type"], "connection_ack");
    socket.say(subscribe("1", COSTLY)).await;
    assert_eq!(socket.hear().await["type"], "next");
    assert_eq!(socket.hear().await, json!({ "id": "1", "type": "complete" }));
    assert_rate_limited(post(&server.client_with_key(ACME), COSTLY).await).await;
    socket.say(subscribe("2", COSTLY)).await;
    let refused = socket.hear().await;
    assert_eq!((&refused["id"], &refused["type"]), (&json!("2"), &json!("error")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    // The socket stays open, and a subscription is charged as well.
    socket.say(subscribe("3", VERSION)).await;
    assert_eq!(socket.hear().await["type"], "next");
    assert_eq!(socket.hear().await["type"], "complete");
    let mut feeds = (4..200).map(|id: i32| subscribe(&id.to_string(), FEED));
    let told = loop {
        socket.say(feeds.next().expect("subscriptions were not charged")).await;
        socket.say(json!({ "type": "ping" })).await;
        let heard = socket.hear().await;
        if heard["type"] != "pong" {
            break heard;
        }
    };
    assert_eq!(told["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    server.stop().await;
}

/// The response to a request that does not state its length.
async fn chunked(server: &TestServer, key: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for part in body.as_bytes().chunks(50_000) {
        stream.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await.unwrap();
        stream.write_all(part).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn bytes_are_limited_for_each_key_with_or_without_a_content_length() {
    let server = server(&[
        ("FACEQL_MAX_UPLOAD_BYTES", "262144"),
        ("FACEQL_MAX_REQUEST_BYTES", "1048576"),
        ("FACEQL_RATE_UPLOAD_MIB_PER_MINUTE", "1"),
    ])
    .await;
    let (acme, other) = (server.client_with_key(ACME), server.client_with_key(OTHER));
    let large: Value = json!({ "query": VERSION, "variables": { "unused": "x".repeat(600_000) } });
    let send = async |client: &Client| client.post().json(&large).send().await.unwrap();
    assert_eq!(send(&acme).await.status(), StatusCode::OK);
    assert_rate_limited(send(&acme).await).await;

    // Bytes that are not a valid request count as well.
    let broken = large.to_string().replace('}', "");
    assert!(chunked(&server, OTHER, &broken).await.starts_with("HTTP/1.1 400"));
    let refused = chunked(&server, OTHER, &large.to_string()).await;
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("RATE_LIMITED"), "{refused}");
    assert_rate_limited(send(&other).await).await;

    let mut socket = Raw::speaking(&server).await;
    socket.say(json!({ "type": "connection_init", "payload": { "X-API-Key": ACME } })).await;
    assert_eq!(socket.hear().await["type"], "connection_ack");
    socket.say(json!({ "id": "1", "type": "subscribe", "payload": large })).await;
    assert_eq!(socket.hear().await["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    server.stop().await;
}
