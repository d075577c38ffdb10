//! Requests that are refused and leave no data behind.

use serde_json::{Value, json};

use super::{delete, picture, submit, try_submit};
use crate::access::tenants::{ACME, OTHER, READER};
use crate::support::client::text;
use crate::support::{Socket, TestServer, code, drawn, photo};

#[tokio::test]
async fn arguments_out_of_range_are_refused() {
    let server = TestServer::start().await;
    let client = server.client();
    for (field, value) in [
        ("minConfidence", json!(-0.01)),
        ("minConfidence", json!(1.01)),
        ("maxFaces", json!(0)),
        ("maxFaces", json!(-1)),
        ("maxFaces", json!(1001)),
        ("idempotencyKey", json!("")),
        ("idempotencyKey", json!("k".repeat(256))),
    ] {
        let mut input = json!({ "image": picture(&drawn(1)) });
        input[field] = value;
        assert_eq!(code(&try_submit(&client, input).await), "BAD_USER_INPUT", "{field}");
    }
    assert!(server.blobs().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn files_that_are_not_images_are_refused_immediately() {
    let server = TestServer::with(&[("FACEQL_MAX_IMAGE_PIXELS", "500000")]).await;
    let client = server.client();
    for (bytes, expected) in [
        (&b""[..], "NO_IMAGE"),
        (b"no image at all", "UNSUPPORTED_IMAGE"),
        (&photo("obama.jpg")[..20], "INVALID_IMAGE"),
        (&photo("obama.jpg"), "IMAGE_TOO_LARGE"),
    ] {
        let response = try_submit(&client, json!({ "image": picture(bytes) })).await;
        assert_eq!(code(&response), expected, "{response}");
    }
    assert!(server.blobs().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn unknown_and_malformed_ids_are_reported() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    assert_eq!(code(&delete(&client, &container).await), "INVALID_ID");
    let unknown = "detection_01h455vb4pex5vsknk084sn02q";
    assert_eq!(code(&delete(&client, unknown).await), "NOT_FOUND");
    let found = client.data("query($id: ID!) { detection(id: $id) { id } }", json!({ "id": unknown })).await;
    assert_eq!(found["detection"], Value::Null);
    server.stop().await;
}

#[tokio::test]
async fn detections_of_another_tenant_cannot_be_read_followed_or_deleted() {
    let server = crate::access::tenants::server().await;
    let (acme, other) = (server.client_with_key(ACME), server.client_with_key(OTHER));
    let mut followers = Vec::new();
    for key in [ACME, OTHER] {
        let mut socket = Socket::open(server.address, json!({ "X-API-Key": key })).await.unwrap();
        socket.subscribe("1", "subscription { detectionFeed { detection { id } } }", json!({})).await;
        followers.push(socket);
    }
    let id = text(&submit(&acme, &drawn(1)).await["id"]);
    assert_eq!(followers[0].said().await.unwrap()["detection"]["id"], id.as_str());
    let query =
        "query($id: ID!) { detection(id: $id) { id } node(id: $id) { id } detections { totalCount } }";
    let seen = other.data(query, json!({ "id": id })).await;
    assert_eq!(seen, json!({ "detection": null, "node": null, "detections": { "totalCount": 0 } }));
    assert_eq!(code(&delete(&other, &id).await), "NOT_FOUND");
    let watch = "subscription($id: ID!) { detectionChanged(id: $id) { id } }";
    let mut socket = Socket::open(server.address, json!({ "X-API-Key": OTHER })).await.unwrap();
    socket.subscribe("1", watch, json!({ "id": id })).await;
    assert!(matches!(socket.next().await, crate::support::Event::Error(code) if code == "NOT_FOUND"));

    let own = text(&submit(&other, &drawn(2)).await["id"]);
    assert_eq!(followers[1].said().await.unwrap()["detection"]["id"], own.as_str(), "only its own");
    let reader = server.client_with_key(READER);
    assert_eq!(code(&try_submit(&reader, json!({ "image": picture(&drawn(3)) })).await), "FORBIDDEN");
    server.stop().await;
}
