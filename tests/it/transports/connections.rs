//! Connections before a client is known: how long they may be silent, and how many there may be.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::access::tenants::ACME;
use crate::support::TestServer;
use crate::support::server::{eventually, soon};

const REQUEST: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

async fn connection(server: &TestServer, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Reads the header of a response without a body.
async fn status(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(soon(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(answer[9..12].to_vec()).unwrap()
}

/// Reads to the end of the connection.
async fn end(mut stream: TcpStream) {
    // A connection may also be reset.
    let _ = soon(stream.read_to_end(&mut Vec::new())).await;
}

#[tokio::test]
async fn unfinished_headers_and_idle_connections_time_out() {
    let server = TestServer::with(&[("FACEQL_HEADER_TIMEOUT_SECONDS", "1")]).await;
    end(connection(&server, b"").await).await;
    end(connection(&server, b"GET /health/live HTTP/1.1\r\nHost: local").await).await;
    // A connection can have many requests, and is closed when no further one arrives.
    let mut kept = connection(&server, REQUEST).await;
    assert_eq!(status(&mut kept).await, "204");
    kept.write_all(REQUEST).await.unwrap();
    assert_eq!(status(&mut kept).await, "204");
    end(kept).await;
    server.stop().await;
}

#[tokio::test]
async fn client_that_sends_requests_and_reads_nothing_is_disconnected() {
    let server = TestServer::with(&[("FACEQL_SEND_TIMEOUT_SECONDS", "1")]).await;
    let mut stream = connection(&server, REQUEST).await;
    let requests = REQUEST.repeat(1000);
    soon(async { while stream.write_all(&requests).await.is_ok() {} }).await;
    server.stop().await;
}

#[tokio::test]
async fn client_that_reads_nothing_is_not_read_from_until_it_reads_again() {
    const TOO_MUCH: usize = 64 << 20;
    let server = TestServer::start().await;
    let mut stream = connection(&server, b"").await;
    let requests = REQUEST.repeat(1000);
    let mut sent = 0;
    // As long as the server reads, including what the system buffers in between.
    while let Ok(written) =
        timeout(Duration::from_millis(500), stream.write(&requests[sent % REQUEST.len()..])).await
    {
        sent += written.unwrap();
        assert!(sent < TOO_MUCH, "the server buffers all responses");
    }
    let answer = status(&mut stream).await;
    assert_eq!(answer, "204");
    let (mut ends, mut tail, mut chunk) = (1, Vec::new(), vec![0; 1 << 16]);
    while ends < sent / REQUEST.len() {
        let read = soon(stream.read(&mut chunk)).await.unwrap();
        assert!(read > 0, "the connection was closed after {ends} responses");
        tail.extend_from_slice(&chunk[..read]);
        ends += tail.windows(4).filter(|bytes| bytes == b"\r\n\r\n").count();
        tail.drain(..tail.len().saturating_sub(3));
    }
    server.stop().await;
}

#[tokio::test]
async fn number_of_open_connections_is_limited() {
    let settings = [("FACEQL_MAX_CONNECTIONS", "2"), ("FACEQL_ADDRESS_SHARE_PERCENT", "100")];
    let server = TestServer::with(&settings).await;
    let mut kept = connection(&server, REQUEST).await;
    assert_eq!(status(&mut kept).await, "204");
    let half = connection(&server, &REQUEST[..10]).await;
    let mut waiting = connection(&server, REQUEST).await;
    assert!(timeout(Duration::from_millis(300), waiting.read_u8()).await.is_err(), "it had to wait");
    drop(half);
    assert_eq!(status(&mut waiting).await, "204");
    drop((kept, waiting));
    server.stop().await;
}

#[tokio::test]
async fn request_that_is_refused_before_it_was_read_gets_the_reason() {
    let server = TestServer::start().await;
    let head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 4000000\r\n\r\n";
    let mut stream = connection(&server, head.as_bytes()).await;
    soon(stream.write_all(&vec![b' '; 4_000_000])).await.unwrap();
    assert_eq!(status(&mut stream).await, "415");
    drop(stream);
    server.stop().await;
}

/// Like [`connection`], from another address of this machine.
async fn connection_from(server: &TestServer, address: &str, bytes: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

#[tokio::test]
async fn one_address_leaves_connections_for_others_until_its_clients_are_known() {
    let keyed = format!("acme:{ACME}");
    let settings = [
        ("FACEQL_API_KEY", &*keyed),
        ("FACEQL_HEADER_TIMEOUT_SECONDS", "600"),
        ("FACEQL_MAX_CONNECTIONS", "8"),
        ("FACEQL_ADDRESS_SHARE_PERCENT", "50"),
    ];
    let server = TestServer::with(&settings).await;
    let mut strangers = Vec::new();
    for _ in 0..4 {
        let mut stranger = connection(&server, REQUEST).await;
        assert_eq!(status(&mut stranger).await, "204");
        strangers.push(stranger);
    }
    end(TcpStream::connect(server.address).await.unwrap()).await;
    let mut other = connection_from(&server, "127.0.0.2", REQUEST).await;
    assert_eq!(status(&mut other).await, "204");
    // Behind a proxy all connections have one address: once a key is accepted on a connection, it counts towards the
    // key.
    let query = "GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nHost: localhost\r\n";
    let query = format!("{query}Apollo-Require-Preflight: 1\r\nX-API-Key: {ACME}\r\n\r\n");
    for known in &mut strangers[..2] {
        known.write_all(query.as_bytes()).await.unwrap();
        assert_eq!(status(known).await, "200");
    }
    let mut next = connection(&server, REQUEST).await;
    assert_eq!(status(&mut next).await, "204");
    end(TcpStream::connect(server.address).await.unwrap()).await;
    drop((strangers, other, next));
    server.stop().await;
}

#[tokio::test]
async fn large_headers_of_unauthenticated_clients_share_a_limit_and_small_ones_always_fit() {
    // The budget for unauthenticated clients fits one header of the maximum size.
    let settings = [
        ("FACEQL_HEADER_TIMEOUT_SECONDS", "600"),
        ("FACEQL_MAX_UPLOAD_BYTES", "65536"),
        ("FACEQL_MAX_REQUEST_BYTES", "100000"),
        ("FACEQL_MAX_BYTES_IN_FLIGHT", "100000"),
    ];
    let server = TestServer::with(&settings).await;
    let large =
        |bytes: usize| format!("GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(bytes));
    let mut first = connection(&server, large(100_000).as_bytes()).await;
    let mut second = connection(&server, large(100_000).as_bytes()).await;
    soon(async {
        tokio::select! {
            ended = first.read_u8() => assert!(ended.is_err()),
            ended = second.read_u8() => assert!(ended.is_err()),
        }
    })
    .await;
    let mut small = connection(&server, REQUEST).await;
    assert_eq!(status(&mut small).await, "204");
    drop((first, second));
    eventually(async || {
        let mut whole = connection(&server, large(100_000).as_bytes()).await;
        whole.write_all(b"\r\n\r\n").await.is_ok() && whole.read_u8().await.is_ok()
    })
    .await;
    server.stop().await;
}
