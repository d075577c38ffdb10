//! Reading a full container of five images with their vectors, compared with a bare route that serves the same bytes.

use std::path::PathBuf;

use axum::Router;
use axum::http::header;
use axum::routing::post;
use bytes::Bytes;
use serde_json::json;

use crate::client::Client;
use crate::process::{Server, serve_bare};
use crate::{photo, row};

/// Number of requests between two time measurements.
const REQUESTS: usize = 4000;
/// The system counts processor time in hundredths of a second; this much makes that accurate enough.
const ENOUGH_CPU_SECONDS: f64 = 1.0;
const CLIENTS: usize = 8;

const QUERY: &str = "query ($id: ID!) { container(id: $id) { id settled images { id status revision \
                     encodings { id vector } } } }";

pub(crate) async fn measure() {
    let server = Server::start().await;
    let client = Client::new(server.address);
    let id = full_container(&client).await;
    let answer = client.query(QUERY, json!({ "id": id })).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("answer.json");
    std::fs::write(&file, answer.to_string()).expect("a file");
    let bare = Server::start_bare(["--bare-route".as_ref(), file.as_os_str()]).await;

    let service = requests_per_cpu_second(&server, &id).await;
    let reference = requests_per_cpu_second(&bare, &id).await;
    let kilobytes = answer.to_string().len() / 1024;
    row(
        &format!("reading a container with 5 vectors ({kilobytes} kB), requests per CPU second"),
        &format!("{service:.0}"),
        &format!("{reference:.0}"),
        service / reference,
    );
}

/// The child process: serves `file` from memory.
pub(crate) async fn serve_bare_route(file: PathBuf) {
    let bytes = Bytes::from(std::fs::read(file).expect("the file"));
    let json = [(header::CONTENT_TYPE, "application/json")];
    let routes = Router::new().route("/graphql", post(move |_: Bytes| async move { (json, bytes) }));
    serve_bare(routes).await;
}

async fn full_container(client: &Client) -> String {
    let photo = photo("obama.jpg");
    let id = client.create_container().await;
    for _ in 0..5 {
        client.upload(&id, photo.clone()).await;
    }
    client.wait_until_settled(std::slice::from_ref(&id)).await;
    id
}

async fn requests_per_cpu_second(server: &Server, id: &str) -> f64 {
    read(server, id, REQUESTS / 10).await;
    let before = server.cpu_seconds();
    let mut requests = 0;
    loop {
        read(server, id, REQUESTS).await;
        requests += REQUESTS;
        let spent = server.cpu_seconds() - before;
        if spent >= ENOUGH_CPU_SECONDS {
            #[expect(clippy::cast_precision_loss, reason = "a few ten thousand")]
            return requests as f64 / spent;
        }
    }
}

async fn read(server: &Server, id: &str, requests: usize) {
    let readers = (0..CLIENTS).map(|_| {
        let (client, id) = (Client::new(server.address), id.to_owned());
        tokio::spawn(async move {
            for _ in 0..requests / CLIENTS {
                client.query(QUERY, json!({ "id": id })).await;
            }
        })
    });
    for reader in readers.collect::<Vec<_>>() {
        reader.await.expect("a reader");
    }
}
