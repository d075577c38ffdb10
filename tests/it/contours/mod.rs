//! Contour jobs: drawn in the background, cached, and not drawn twice.

mod bad_input;
mod cache;
mod jobs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::client::text;
use crate::support::pictures::bmp_header;
use crate::support::{Client, Socket, TestServer};

const WIDTH: i32 = 160;
const HEIGHT: i32 = 120;
const FIELDS: &str =
    "id status createdAt completedAt svg svgUrl width height transform rotationDegrees droppedSpecks
    regions { label color polygons { x y } area } error { code message }";

/// A BMP of 160x120 pixels with the grey levels given by `shade`.
fn grey(shade: impl Fn(i32, i32) -> u8) -> Vec<u8> {
    let mut file = bmp_header(WIDTH, HEIGHT);
    for y in (0..HEIGHT).rev() {
        (0..WIDTH).for_each(|x| file.extend([shade(x, y); 3]));
    }
    file
}

/// Two regions side by side: 40x60 pixels of 1, and 40x60 of 2.
pub(crate) fn two_regions() -> Vec<u8> {
    grey(|x, y| match (x, y) {
        (40..80, 30..90) => 1,
        (80..120, 30..90) => 2,
        _ => 0,
    })
}

fn image() -> Vec<u8> {
    grey(|x, y| u8::try_from((x + y) % 200).unwrap())
}

/// A request for the outlines of a map, with level eyes.
pub(crate) fn request(map: &[u8]) -> Value {
    let encoded = |bytes: &[u8]| json!({ "base64": STANDARD.encode(bytes) });
    json!({
        "image": encoded(&image()), "segmentationMap": encoded(map),
        "landmarks": [{ "x": 60, "y": 50 }, { "x": 100, "y": 50 }],
    })
}

/// A request with a field added or replaced.
fn with(mut request: Value, field: &str, value: Value) -> Value {
    request[field] = value;
    request
}

/// The whole response of `submitContour`.
async fn try_submit(client: &Client, input: &Value) -> Value {
    let query = format!(
        "mutation($input: SubmitContourInput!) {{ submitContour(input: $input) {{ cached contour {{ {FIELDS} }} }} }}"
    );
    client.send(&query, json!({ "input": input })).await
}

/// The result of `submitContour`.
async fn submit(client: &Client, input: &Value) -> Value {
    let mut response = try_submit(client, input).await;
    assert!(response.get("errors").is_none(), "{response}");
    response["data"]["submitContour"].take()
}

/// Submits a request, and waits until its contour has ended.
pub(crate) async fn draw(server: &TestServer, input: &Value) -> Value {
    let id = text(&submit(&server.client(), input).await["contour"]["id"]);
    states(server, &id).await.pop().unwrap()
}

/// All states of a contour until its end, starting with the current one.
async fn states(server: &TestServer, id: &str) -> Vec<Value> {
    let mut socket = Socket::connect(server).await;
    let query = format!("subscription($id: ID!) {{ contourChanged(id: $id) {{ {FIELDS} }} }}");
    socket.subscribe("1", &query, json!({ "id": id })).await;
    let mut states = Vec::new();
    while let Some(state) = socket.said().await {
        states.push(state);
    }
    states
}

async fn delete(client: &Client, id: &Value) -> Value {
    let query = "mutation($id: ID!) { deleteContour(input: {contourId: $id}) { deletedContourId } }";
    client.send(query, json!({ "id": id })).await
}
