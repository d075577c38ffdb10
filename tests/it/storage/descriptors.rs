//! A limit on open files that is too low for the configured number of connections.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::readiness;
use crate::support::binary::{Binary, faceql};
use crate::support::disk::wrapped;
use crate::support::photo;
use crate::support::server::{eventually, soon};

const REQUEST: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn connections_leave_open_files_for_database_and_blobs_and_the_log_reports_the_reduced_maximum() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("FACEQL_SHUTDOWN_GRACE_SECONDS", "1"), ("FACEQL_ADDRESS_SHARE_PERCENT", "100")];
    let command = faceql(folder.path(), "serve", &settings);
    let server = Binary::spawn(wrapped(&["prlimit", "--nofile=256:256", "--"], &command)).await;
    eventually(async || server.log().contains("only 64 concurrent connections are accepted")).await;
    // All places but two are taken, and more clients wait.
    let mut others = Vec::new();
    for _ in 0..62 {
        let mut other = TcpStream::connect(server.client.address).await.unwrap();
        assert_eq!(status(&mut other).await, *b"HTTP/1.1 204");
        others.push(other);
    }
    let container = server.client.create_container().await;
    server.client.upload(&container, photo("obama.jpg")).await;
    let settled = async || server.client.container(&container, "settled").await["settled"] == true;
    eventually(settled).await;
    assert_eq!(readiness(&server.client).await, 204);
    let mut waiting = Vec::new();
    for _ in 0..100 {
        waiting.push(TcpStream::connect(server.client.address).await.unwrap());
    }
    drop(others);
    for mut stream in waiting {
        assert_eq!(status(&mut stream).await, *b"HTTP/1.1 204");
    }
    assert!(!server.log().contains("could not be accepted"), "{}", server.log());
    assert!(server.terminate().success());
}

/// Requests the server's liveness and reads the beginning of the response.
async fn status(stream: &mut TcpStream) -> [u8; 12] {
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = [0; 12];
    soon(stream.read_exact(&mut answer)).await.unwrap();
    answer
}
