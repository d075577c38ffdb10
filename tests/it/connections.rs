//! Connections before anything is known of a client: how long they may say nothing, and how many there are.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::TestServer;
use crate::support::server::soon;

const REQUEST: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

async fn connection(server: &TestServer, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Reads the head of an answer without a body.
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
async fn neither_half_a_header_nor_silence_is_waited_for_for_ever() {
    let server = TestServer::with(&[("FACEQL_HEADER_TIMEOUT_SECONDS", "1")]).await;
    end(connection(&server, b"").await).await;
    end(connection(&server, b"GET /health/live HTTP/1.1\r\nHost: local").await).await;
    // One connection has many requests, and is closed when no further one comes.
    let mut kept = connection(&server, REQUEST).await;
    assert_eq!(status(&mut kept).await, "204");
    kept.write_all(REQUEST).await.unwrap();
    assert_eq!(status(&mut kept).await, "204");
    end(kept).await;
    server.stop().await;
}

#[tokio::test]
async fn client_that_asks_and_reads_nothing_is_given_up() {
    let server = TestServer::with(&[("FACEQL_SEND_TIMEOUT_SECONDS", "1")]).await;
    let mut stream = connection(&server, REQUEST).await;
    let requests = REQUEST.repeat(1000);
    soon(async { while stream.write_all(&requests).await.is_ok() {} }).await;
    server.stop().await;
}

#[tokio::test]
async fn client_that_reads_nothing_is_not_listened_to_until_it_reads_again() {
    const TOO_MUCH: usize = 64 << 20;
    let server = TestServer::start().await;
    let mut stream = connection(&server, b"").await;
    let requests = REQUEST.repeat(1000);
    let mut sent = 0;
    // As long as the server listens, with what the system holds in between.
    while let Ok(written) =
        timeout(Duration::from_millis(500), stream.write(&requests[sent % REQUEST.len()..])).await
    {
        sent += written.unwrap();
        assert!(sent < TOO_MUCH, "the server keeps the answers to everything");
    }
    let answer = status(&mut stream).await;
    assert_eq!(answer, "204");
    let (mut ends, mut tail, mut chunk) = (1, Vec::new(), vec![0; 1 << 16]);
    while ends < sent / REQUEST.len() {
        let read = soon(stream.read(&mut chunk)).await.unwrap();
        assert!(read > 0, "the connection was closed after {ends} answers");
        tail.extend_from_slice(&chunk[..read]);
        ends += tail.windows(4).filter(|bytes| bytes == b"\r\n\r\n").count();
        tail.drain(..tail.len().saturating_sub(3));
    }
    server.stop().await;
}

#[tokio::test]
async fn as_many_connections_as_are_allowed_are_open_at_once() {
    let server = TestServer::with(&[("FACEQL_MAX_CONNECTIONS", "2")]).await;
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
async fn request_that_is_refused_before_it_was_read_hears_why() {
    let server = TestServer::start().await;
    let head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 4000000\r\n\r\n";
    let mut stream = connection(&server, head.as_bytes()).await;
    soon(stream.write_all(&vec![b' '; 4_000_000])).await.unwrap();
    assert_eq!(status(&mut stream).await, "415");
    drop(stream);
    server.stop().await;
}
