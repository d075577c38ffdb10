//! WebSockets at their limits: too many, too large, too slow, and those that are open when the server stops.

use std::time::{Duration, Instant};

use faceql::clock::Clock;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::access::tenants::ACME;
use crate::people::picture;
use crate::support::binary::{Binary, faceql};
use crate::support::client::read;
use crate::support::engine::Script;
use crate::support::pictures::bmp_header;
use crate::support::server::{eventually, soon};
use crate::support::{Client, Socket, TestServer, code, drawn, photo};
use crate::transports::socket_protocol::{FEED, Raw, subscribe};

const INIT: &str = r#"{ "type": "connection_init" }"#;

#[tokio::test]
async fn open_sockets_and_streams_are_limited_together() {
    let server = TestServer::with(&[("FACEQL_MAX_STREAMS", "1")]).await;
    let stream = async || {
        let request = server.client().post().header("accept", "text/event-stream");
        request.json(&json!({ "query": FEED })).send().await.unwrap()
    };
    let socket = Raw::acknowledged(&server).await;
    let refused = stream().await;
    assert_eq!(refused.status(), 503);
    assert_eq!(code(&read(refused).await), "OVERLOADED");
    let mut second = Raw::speaking(&server).await;
    second.say(json!({ "type": "connection_init" })).await;
    assert_eq!(second.closed().await, 1013);
    // A stream that ends frees its slot.
    drop(socket);
    eventually(async || stream().await.status() == 200).await;
    eventually(async || stream().await.status() == 200).await;
    server.stop().await;
}

#[tokio::test]
async fn unauthenticated_sockets_take_no_slots_of_others() {
    let keyed = format!("acme:{ACME}");
    let settings = [
        ("FACEQL_API_KEY", &*keyed),
        ("FACEQL_MAX_UNACKNOWLEDGED_SOCKETS", "1"),
        ("FACEQL_MAX_STREAMS", "1"),
    ];
    let server = TestServer::with(&settings).await;
    let open = async || {
        let mut request = format!("ws://{}/graphql", server.address).into_client_request().unwrap();
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
        client_async(request, TcpStream::connect(server.address).await.unwrap()).await
    };
    let mut first = Raw::speaking(&server).await;
    let Err(Error::Http(refused)) = open().await else { panic!("it was accepted") };
    assert_eq!(refused.status(), 503);
    // An unauthenticated WebSocket does not count as a stream, and once it is acknowledged its slot is free for the
    // next one.
    first.say(json!({ "type": "connection_init", "payload": { "X-API-Key": ACME } })).await;
    assert_eq!(first.hear().await["type"], "connection_ack");
    let mut second = Raw::speaking(&server).await;
    second.say(json!({ "type": "connection_init", "payload": { "X-API-Key": ACME } })).await;
    let (code, reason) = second.closed_with().await;
    assert!(code == 1013 && reason.contains("FACEQL_MAX_STREAMS"), "{code} {reason}");
    server.stop().await;
}

#[tokio::test]
async fn too_large_a_message_is_refused_before_it_has_arrived() {
    let server = TestServer::start().await;
    let mut socket = Raw::speaking(&server).await;
    // The header of a masked text frame of 2 MiB, without its payload.
    let header = [&[0x81, 0xff][..], &(2_u64 << 20).to_be_bytes(), &[0; 4]].concat();
    socket.0.get_mut().write_all(&header).await.unwrap();
    let (code, reason) = socket.closed_with().await;
    assert!(code == 1009 && reason.contains("1048576 bytes"), "{code} {reason}");
    server.stop().await;
}

/// The header of a masked text frame of 1 MiB, the maximum.
pub(crate) const LARGE_FRAME: [u8; 14] = [0x81, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0];

/// A masked frame of a message that continues in the next one, and a ping.
fn part_and_ping(is_first: bool) -> Vec<u8> {
    let header = [u8::from(is_first), 0xfe, 0x10, 0, 0, 0, 0, 0];
    [&header[..], &[b'x'; 4096], &[0x89, 0x80, 0, 0, 0, 0]].concat()
}

#[tokio::test]
async fn unfinished_messages_of_unauthenticated_clients_are_not_buffered() {
    let server = TestServer::with(&[("FACEQL_SOCKET_INIT_SECONDS", "600")]).await;
    let mut socket = Raw::speaking(&server).await;
    socket.0.get_mut().write_all(&LARGE_FRAME).await.unwrap();
    socket.0.get_mut().write_all(&vec![b'x'; 64 << 10]).await.unwrap();
    let (code, reason) = socket.closed_with().await;
    assert!(code == 1009 && reason.contains("16384 bytes"), "{code} {reason}");
    // Also if pings are sent in between.
    let mut socket = Raw::speaking(&server).await;
    for number in 0..16 {
        // A closed connection may refuse the rest.
        let _ = socket.0.get_mut().write_all(&part_and_ping(number == 0)).await;
    }
    let (code, reason) = socket.closed_with().await;
    assert!(code == 1009 && reason.contains("16384 bytes"), "{code} {reason}");
    server.stop().await;
}

#[tokio::test]
async fn unauthenticated_clients_may_send_little_and_callers_pay_for_all_bytes() {
    let settings = [
        ("FACEQL_MAX_UPLOAD_BYTES", "262144"),
        ("FACEQL_MAX_REQUEST_BYTES", "1048576"),
        ("FACEQL_RATE_UPLOAD_MIB_PER_MINUTE", "1"),
    ];
    let server = TestServer::with(&settings).await;
    let padding = "x".repeat(20_000);
    for message in [
        json!({ "type": "connection_init", "payload": { "a": padding } }),
        json!({ "type": "ping", "payload": { "a": padding } }),
    ] {
        let mut socket = Raw::speaking(&server).await;
        socket.say(message).await;
        let (code, reason) = socket.closed_with().await;
        assert!(code == 1009 && reason.contains("16384 bytes"), "{code} {reason}");
    }
    let mut socket = Raw::acknowledged(&server).await;
    let ping = json!({ "type": "ping", "payload": { "a": "x".repeat(600_000) } });
    socket.say(ping.clone()).await;
    assert_eq!(socket.hear().await["type"], "pong");
    socket.say(ping).await;
    let (code, reason) = socket.closed_with().await;
    assert!(code == 1013 && reason.contains("FACEQL_RATE_UPLOAD_MIB_PER_MINUTE"), "{code} {reason}");

    // A key without budget may still send control messages.
    let (mut quiet, mut spender) = (Raw::acknowledged(&server).await, Raw::acknowledged(&server).await);
    spender.say(json!({ "type": "ping" })).await;
    while let Some(Ok(Message::Text(_))) = soon(spender.0.next()).await {
        spender.say(json!({ "type": "ping" })).await;
    }
    for _ in 0..200 {
        quiet.say(json!({ "type": "pong" })).await;
        quiet.say(json!({ "type": "complete", "id": "1" })).await;
    }
    quiet.say(subscribe("1", "{ service { version } }")).await;
    assert_eq!(quiet.hear().await["id"], "1", "it is still open");
    let large = json!({ "type": "pong", "payload": { "a": "x".repeat(600_000) } });
    quiet.say(large).await;
    assert_eq!(quiet.closed().await, 1013);
    server.stop().await;
}

#[tokio::test]
async fn memory_of_operations_on_sockets_counts_towards_the_common_limit() {
    let settings = [
        ("FACEQL_MAX_UPLOAD_BYTES", "65536"),
        ("FACEQL_MAX_REQUEST_BYTES", "100000"),
        ("FACEQL_MAX_BYTES_IN_FLIGHT", "150000"),
    ];
    let server = TestServer::with(&settings).await;
    let mut socket = Raw::acknowledged(&server).await;
    let large = |id: &str| {
        let mut message = subscribe(id, FEED);
        message["payload"]["variables"] = json!({ "unused": "x".repeat(76_000) });
        message
    };
    // There is memory to receive the second one, but not for what its operation needs besides.
    socket.say(large("1")).await;
    socket.say(large("2")).await;
    let refused = socket.hear().await;
    assert_eq!(
        (&refused["id"], &refused["payload"][0]["extensions"]["code"]),
        (&json!("2"), &json!("OVERLOADED"))
    );
    // An operation that ends frees its memory.
    socket.say(json!({ "type": "complete", "id": "1" })).await;
    socket.say(large("3")).await;
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await["type"], "pong");
    server.stop().await;
}

#[tokio::test]
async fn client_that_keeps_writing_still_gets_the_close_reason() {
    let server = TestServer::start().await;
    let mut socket = Raw::acknowledged(&server).await;
    socket.0.feed(Message::text("x".repeat(3 << 20))).await.unwrap();
    socket.0.flush().await.unwrap();
    assert_eq!(socket.closed().await, 1009);
    let mut socket = Raw::acknowledged(&server).await;
    socket.0.feed(Message::text("no JSON")).await.unwrap();
    // More than the system buffers for a server that does not read.
    for _ in 0..300 {
        socket.0.feed(Message::text(format!("\"{}\"", "x".repeat(100_000)))).await.unwrap();
    }
    socket.0.flush().await.unwrap();
    assert_eq!(socket.closed().await, 4400);
    server.stop().await;
}

#[tokio::test]
async fn long_close_reason_is_cut_to_the_size_of_a_frame() {
    let server = TestServer::start().await;
    let mut socket = Raw::acknowledged(&server).await;
    let id = "€".repeat(90);
    socket.say(subscribe(&id, FEED)).await;
    socket.say(subscribe(&id, FEED)).await;
    let (code, reason) = socket.closed_with().await;
    assert_eq!(code, 4409);
    assert!(reason.starts_with("Subscriber for €") && (121..=123).contains(&reason.len()), "{reason}");
    server.stop().await;
}

#[tokio::test]
async fn unauthenticated_clients_that_try_too_often_are_closed_with_try_again_later() {
    let settings = [("FACEQL_API_KEY", &*format!("acme:{ACME}")), ("FACEQL_AUTH_FAILURES_PER_MINUTE", "1")];
    let server = TestServer::with(&settings).await;
    let mut codes = Vec::new();
    for _ in 0..2 {
        let mut socket = Raw::speaking(&server).await;
        socket.0.send(Message::text(INIT)).await.unwrap();
        codes.push(socket.closed_with().await);
    }
    let later = "too many requests without a valid API key; try again later";
    assert_eq!(codes, [(4403, "Forbidden".to_owned()), (1013, later.to_owned())]);
    server.stop().await;
}

/// Compares two images, which the engine has to process.
fn comparison() -> Value {
    comparison_of(&drawn(1))
}

fn comparison_of(source: &[u8]) -> Value {
    let query = "mutation($input: CompareFacesInput!) { compareFaces(input: $input) { match { decision } } }";
    let input = json!({ "source": picture(source), "target": picture(&drawn(2)) });
    let payload = json!({ "query": query, "variables": { "input": input } });
    json!({ "id": "1", "type": "subscribe", "payload": payload })
}

#[tokio::test]
async fn operations_on_sockets_count_as_concurrent_requests() {
    let script = Script::gated();
    let settings = [("FACEQL_MAX_CONCURRENT_REQUESTS", "1")];
    let server = TestServer::assemble(&settings, Clock::system(), script.encoder().await).await;
    let mut socket = Raw::acknowledged(&server).await;
    socket.say(comparison()).await;
    script.asked(1).await;
    socket.say(subscribe("2", "{ __typename }")).await;
    let refused = socket.hear().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("2")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "OVERLOADED");
    assert_eq!(server.client().refusal("{ __typename }", json!({})).await, "OVERLOADED");
    // A subscription does not count.
    socket.say(subscribe("3", FEED)).await;
    script.open();
    assert_eq!((&socket.hear().await["id"], &socket.hear().await["type"]), (&json!("1"), &json!("complete")));
    socket.say(subscribe("4", "{ __typename }")).await;
    assert_eq!(socket.hear().await["type"], "next");
    server.stop().await;
}

#[tokio::test]
async fn cancelled_operations_are_not_started() {
    let script = Script::gated();
    let server = TestServer::assemble(&[], Clock::system(), script.encoder().await).await;
    let client = server.client();
    let container = client.create_container().await;
    client.upload(&container, drawn(1)).await;
    script.asked(1).await;
    let tells = async |line: &str| {
        let url = format!("http://{}/metrics", server.address);
        client.http.get(url).send().await.unwrap().text().await.unwrap().contains(line)
    };
    let mut socket = Raw::acknowledged(&server).await;
    socket.say(comparison_of(&[bmp_header(32, 32), vec![0; 32 * 32 * 3]].concat())).await;
    eventually(async || !tells("faceql_engine_waiting_images{urgency=\"urgent\"} 0\n").await).await;
    drop(socket);
    eventually(async || tells("faceql_sockets 0\n").await).await;
    script.open();
    // A later operation waits behind the cancelled one.
    let mut after = Raw::acknowledged(&server).await;
    after.say(comparison()).await;
    assert_eq!(after.hear().await["type"], "next");
    assert!(!script.widths().contains(&32));
    eventually(async || client.container(&container, "settled").await["settled"] == true).await;
    server.stop().await;
}

#[tokio::test]
async fn stopping_server_ends_running_operations_and_starts_none() {
    let script = Script::gated();
    let server = TestServer::assemble(&[], Clock::system(), script.encoder().await).await;
    let mut socket = Raw::acknowledged(&server).await;
    socket.say(subscribe("feed", FEED)).await;
    socket.say(comparison()).await;
    script.asked(1).await;
    let mut idle = Raw::acknowledged(&server).await;
    let stopping = tokio::spawn(server.stop());
    assert_eq!(idle.closed().await, 1001);
    socket.say(subscribe("2", "{ __typename }")).await;
    let refused = socket.hear().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("2")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "OVERLOADED");
    script.open();
    let next = socket.hear().await;
    assert_eq!((&next["type"], &next["id"]), (&json!("next"), &json!("1")));
    assert_eq!(code(&next["payload"]), "NO_FACE");
    assert_eq!(socket.hear().await, json!({ "id": "1", "type": "complete" }));
    assert_eq!(socket.closed().await, 1001);
    drop(socket);
    stopping.await.unwrap();
}

/// A container with an image that has encodings.
async fn container(client: &Client) -> String {
    let container = client.create_container().await;
    client.upload(&container, photo("obama.jpg")).await;
    eventually(async || {
        client.container(&container, "images { status }").await["images"][0]["status"] == "COMPLETED"
    })
    .await;
    container
}

/// Requests more than the system buffers for a client that does not read.
async fn flood(socket: &mut Raw, container: &str) {
    let vectors = (0..90).map(|number| format!("v{number}: vector")).collect::<Vec<_>>().join(" ");
    let image = format!("imageStatusChanged(containerId: \"{container}\") {{ encodings {{ {vectors} }} }}");
    for id in 0..100 {
        socket.say(subscribe(&id.to_string(), &format!("subscription {{ {image} }}"))).await;
    }
}

/// Waits until the server has logged that it closed a WebSocket with this code.
async fn closes(binary: &Binary, code: u16) {
    let closed = format!("close_code={code}");
    eventually(async || binary.log().contains(&closed)).await;
}

#[tokio::test]
async fn slow_reader_is_disconnected_with_a_reason_and_delays_no_one() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("FACEQL_SOCKET_SEND_SECONDS", "1"), ("FACEQL_RATE_COST_PER_SECOND", "0")];
    let binary = Binary::serve(folder.path(), &settings).await;
    let container = container(&binary.client).await;
    let mut slow = Raw::at(binary.client.address).await;
    slow.say(json!({ "type": "connection_init" })).await;
    let mut peer = Socket::open(binary.client.address, json!({})).await.unwrap();
    flood(&mut slow, &container).await;
    peer.follow(&container).await;
    assert_eq!(peer.image().await["status"], "COMPLETED");
    closes(&binary, 1013).await;
    assert_eq!(slow.closed_with().await, (1013, "events were not read in time".to_owned()));
    let second = binary.client.upload(&container, drawn(1)).await;
    assert_eq!(peer.image().await["id"], second["id"]);
    assert!(binary.terminate().success());
}

#[tokio::test]
async fn revoking_a_key_closes_the_socket_of_a_client_that_does_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let keys = |arguments: &[&str]| {
        let output = faceql(folder.path(), "keys", &[]).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let key = keys(&["create"]).trim_end().to_owned();
    let id = keys(&["list"]).split_whitespace().next().unwrap().to_owned();
    let settings = [("FACEQL_SOCKET_SEND_SECONDS", "600"), ("FACEQL_RATE_COST_PER_SECOND", "0")];
    let binary = Binary::serve(folder.path(), &settings).await;
    let container = container(&Client::new(binary.client.address, Some(key.clone()))).await;
    let mut slow = Raw::at(binary.client.address).await;
    slow.say(json!({ "type": "connection_init", "payload": { "X-API-Key": key } })).await;
    flood(&mut slow, &container).await;
    keys(&["revoke", &id]);
    let revoked = Instant::now();
    closes(&binary, 4403).await;
    assert!(revoked.elapsed() < Duration::from_secs(5));
    // What was written before is read, and nothing after it.
    soon(async { while let Some(Ok(_)) = slow.0.next().await {} }).await;
    assert!(binary.terminate().success());
}
