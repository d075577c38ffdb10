//! Detection jobs: faces found in the background, images served by signed links, a feed without gaps.

mod bad_input;
mod expiry;
mod feed;
mod files;
mod jobs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::client::text;
use crate::support::{Client, Socket, TestServer};

const FIELDS: &str = "id status createdAt completedAt width height error { code }
    faces { box { x y width height } confidence landmarks { leftEye { x y } } quality { issues } }
    processedImageUrl originalImageUrl";

/// Bytes as an `ImageInput`.
fn picture(bytes: &[u8]) -> Value {
    json!({ "base64": STANDARD.encode(bytes) })
}

/// The whole response of `submitDetection`.
async fn try_submit(client: &Client, input: Value) -> Value {
    let query = format!(
        "mutation($input: SubmitDetectionInput!) {{ submitDetection(input: $input) {{ detection {{ {FIELDS} }} }} }}"
    );
    client.send(&query, json!({ "input": input })).await
}

/// Submits an image; returns the detection from the response.
pub(crate) async fn submit(client: &Client, bytes: &[u8]) -> Value {
    submit_with(client, json!({ "image": picture(bytes) })).await
}

async fn submit_with(client: &Client, input: Value) -> Value {
    let mut response = try_submit(client, input).await;
    assert!(response.get("errors").is_none(), "{response}");
    response["data"]["submitDetection"]["detection"].take()
}

/// Submits an image, and waits until its detection has ended.
pub(crate) async fn detect(server: &TestServer, input: Value) -> Value {
    let id = text(&submit_with(&server.client(), input).await["id"]);
    states(server, &id).await.pop().unwrap()
}

/// All states of a detection until its end, starting with the current one.
async fn states(server: &TestServer, id: &str) -> Vec<Value> {
    let mut socket = Socket::connect(server).await;
    follow(&mut socket, id).await;
    let mut states = Vec::new();
    while let Some(state) = socket.said().await {
        states.push(state);
    }
    states
}

async fn follow(socket: &mut Socket, id: &str) {
    let query = format!("subscription($id: ID!) {{ detectionChanged(id: $id) {{ {FIELDS} }} }}");
    socket.subscribe("1", &query, json!({ "id": id })).await;
}

async fn delete(client: &Client, id: &str) -> Value {
    let query = "mutation($id: ID!) { deleteDetection(input: {detectionId: $id}) { deletedDetectionId } }";
    client.send(query, json!({ "id": id })).await
}
