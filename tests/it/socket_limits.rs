//! Sockets at their limits: too many, too large, too slow, and those that are open when the server stops.

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

use crate::people::picture;
use crate::process::{Binary, faceql};
use crate::socket_protocol::{FEED, Raw, subscribe};
use crate::support::client::read;
use crate::support::engine::Script;
use crate::support::pictures::bmp_header;
use crate::support::server::{eventually, soon};
use crate::support::{Client, Socket, TestServer, code, drawn, photo};
use crate::tenants::ACME;

const INIT: &str = r#"{ "type": "connection_init" }"#;

#[tokio::test]
async fn sockets_and_streams_that_are_open_at_once_are_counted() {
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
    // One that ends makes room for another.
    drop(socket);
    eventually(async || stream().await.status() == 200).await;
    eventually(async || stream().await.status() == 200).await;
    server.stop().await;
}

#[tokio::test]
async fn strangers_take_nobodys_place() {
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
    let Err(Error::Http(refused)) = open().await else { panic!("it was let in") };
    assert_eq!(refused.status(), 503);
    // A stranger's socket is no stream, and one that is acknowledged makes room for the next stranger.
    first.say(json!({ "type": "connection_init", "payload": { "X-API-Key": ACME } })).await;
    assert_eq!(first.hear().await["type"], "connection_ack");
    let mut second = Raw::speaking(&server).await;
    second.say(json!({ "type": "connection_init", "payload": { "X-API-Key": ACME } })).await;
    let (code, reason) = second.closed_with().await;
    assert!(code == 1013 && reason.contains("FACEQL_MAX_STREAMS"), "{code} {reason}");
    server.stop().await;
}

#[tokio::test]
async fn too_large_a_message_is_refused_before_it_has_come() {
    let server = TestServer::start().await;
    let mut socket = Raw::speaking(&server).await;
    // The header of a masked text frame of 2 MiB, and no more.
    let header = [&[0x81, 0xff][..], &(2_u64 << 20).to_be_bytes(), &[0; 4]].concat();
    socket.0.get_mut().write_all(&header).await.unwrap();
    let (code, reason) = socket.closed_with().await;
    assert!(code == 1009 && reason.contains("1048576 bytes"), "{code} {reason}");
    server.stop().await;
}

/// The beginning of a masked text frame of 1 MiB, the largest that is taken.
pub(crate) const LARGE_FRAME: [u8; 14] = [0x81, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0];

/// A masked frame of a message that goes on in the next one, and a ping.
fn part_and_ping(is_first: bool) -> Vec<u8> {
    let header = [u8::from(is_first), 0xfe, 0x10, 0, 0, 0, 0, 0];
    [&header[..], &[b'x'; 4096], &[0x89, 0x80, 0, 0, 0, 0]].concat()
}

#[tokio::test]
async fn what_a_stranger_has_not_said_to_its_end_is_not_gathered() {
    let server = TestServer::with(&[("FACEQL_SOCKET_INIT_SECONDS", "600")]).await;
    let mut socket = Raw::speaking(&server).await;
    socket.0.get_mut().write_all(&LARGE_FRAME).await.unwrap();
    socket.0.get_mut().write_all(&vec![b'x'; 64 << 10]).await.unwrap();
    let (code, reason) = socket.closed_with().await;
    assert!(code == 1009 && reason.contains("16384 bytes"), "{code} {reason}");
    // Not between pings either.
    let mut socket = Raw::speaking(&server).await;
    for number in 0..16 {
        // Closed, it may refuse the rest.
        let _ = socket.0.get_mut().write_all(&part_and_ping(number == 0)).await;
    }
    let (code, reason) = socket.closed_with().await;
    assert!(code == 1009 && reason.contains("16384 bytes"), "{code} {reason}");
    server.stop().await;
}

#[tokio::test]
async fn a_stranger_says_little_and_a_caller_pays_for_all_that_is_said() {
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

    // Who has nothing left may still say what it owes.
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
    assert_eq!(quiet.hear().await["id"], "1", "it is open still");
    let large = json!({ "type": "pong", "payload": { "a": "x".repeat(600_000) } });
    quiet.say(large).await;
    assert_eq!(quiet.closed().await, 1013);
    server.stop().await;
}

#[tokio::test]
async fn what_operations_of_sockets_hold_is_bounded_with_all_else() {
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
    // There is room for the second one to arrive, and none for what its operation takes besides.
    socket.say(large("1")).await;
    socket.say(large("2")).await;
    let refused = socket.hear().await;
    assert_eq!(
        (&refused["id"], &refused["payload"][0]["extensions"]["code"]),
        (&json!("2"), &json!("OVERLOADED"))
    );
    // One that ends gives its room back.
    socket.say(json!({ "type": "complete", "id": "1" })).await;
    socket.say(large("3")).await;
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await["type"], "pong");
    server.stop().await;
}

#[tokio::test]
async fn client_that_goes_on_writing_still_hears_why_it_is_closed() {
    let server = TestServer::start().await;
    let mut socket = Raw::acknowledged(&server).await;
    socket.0.feed(Message::text("x".repeat(3 << 20))).await.unwrap();
    socket.0.flush().await.unwrap();
    assert_eq!(socket.closed().await, 1009);
    let mut socket = Raw::acknowledged(&server).await;
    socket.0.feed(Message::text("no JSON")).await.unwrap();
    // More than the system holds for a server that does not read.
    for _ in 0..300 {
        socket.0.feed(Message::text(format!("\"{}\"", "x".repeat(100_000)))).await.unwrap();
    }
    socket.0.flush().await.unwrap();
    assert_eq!(socket.closed().await, 4400);
    server.stop().await;
}

#[tokio::test]
async fn reason_of_many_bytes_is_cut_to_what_a_frame_holds() {
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
async fn strangers_that_try_too_often_are_told_to_come_later() {
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

/// Compares two pictures, which the engine has to look at.
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
async fn operations_of_sockets_count_among_the_requests_that_are_answered_at_once() {
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
    // A subscription is not one of them.
    socket.say(subscribe("3", FEED)).await;
    script.open();
    assert_eq!((&socket.hear().await["id"], &socket.hear().await["type"]), (&json!("1"), &json!("complete")));
    socket.say(subscribe("4", "{ __typename }")).await;
    assert_eq!(socket.hear().await["type"], "next");
    server.stop().await;
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_begun() {
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
    // What comes after has had its turn behind it.
    let mut after = Raw::acknowledged(&server).await;
    after.say(comparison()).await;
    assert_eq!(after.hear().await["type"], "next");
    assert!(!script.widths().contains(&32));
    eventually(async || client.container(&container, "settled").await["settled"] == true).await;
    server.stop().await;
}

#[tokio::test]
async fn stopping_server_ends_what_runs_and_begins_nothing() {
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

/// Asks for more than the system holds for a client that does not read.
async fn flood(socket: &mut Raw, container: &str) {
    let vectors = (0..90).map(|number| format!("v{number}: vector")).collect::<Vec<_>>().join(" ");
    let image = format!("imageStatusChanged(containerId: \"{container}\") {{ encodings {{ {vectors} }} }}");
    for id in 0..100 {
        socket.say(subscribe(&id.to_string(), &format!("subscription {{ {image} }}"))).await;
    }
}

/// Waits until the server has logged that it closes a socket with this code.
async fn closes(binary: &Binary, code: u16) {
    let closed = format!("close_code={code}");
    eventually(async || binary.log().contains(&closed)).await;
}

#[tokio::test]
async fn slow_reader_is_cut_off_with_a_reason_and_harms_nobody() {
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
async fn revoking_a_key_closes_the_socket_of_one_who_does_not_read() {
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
