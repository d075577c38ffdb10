//! Retained chips: none by default, one per face, and deleted with it.

use std::time::Duration;

use faceql::store::cleanup::Sweep;
use serde_json::json;
use uuid::Uuid;

use super::{delete_person, enroll, image, try_enroll};
use crate::support::TestServer;

#[tokio::test]
async fn no_chip_is_kept_by_default() {
    let server = TestServer::start().await;
    enroll(&server.client(), "barack", &["obama.jpg", "obama2.jpg"]).await;
    assert_eq!(server.blobs().len(), 0);
    server.stop().await;
}

#[tokio::test]
async fn only_a_chip_without_an_owner_is_removed() {
    let server = TestServer::with(&[("FACEQL_RETAIN_CHIPS", "true")]).await;
    enroll(&server.client(), "barack", &["obama.jpg"]).await;
    // What a process leaves if it is killed between writing the chip and its row.
    let orphan = server.blobs()[0].with_file_name(Uuid::now_v7().to_string());
    std::fs::write(&orphan, b"P6").unwrap();
    server.people.sweep(Duration::from_mins(1)).await.unwrap();
    assert!(orphan.exists(), "its row may be about to be written");
    server.people.sweep(Duration::ZERO).await.unwrap();
    assert!(!orphan.exists());
    assert_eq!(server.blobs().len(), 1);
    delete_person(&server.client(), "barack").await;
    server.stop().await;
}

#[tokio::test]
async fn chip_is_deleted_with_its_face() {
    let server = TestServer::with(&[("FACEQL_RETAIN_CHIPS", "true")]).await;
    let client = server.client();
    let enrolled = enroll(&client, "barack", &["obama.jpg", "obama2.jpg", "biden.jpg"]).await;
    assert_eq!(enrolled["person"]["faceCount"], 2, "{enrolled}");
    assert_eq!(server.blobs().len(), 2, "a refused image leaves nothing");
    enroll(&client, "barack", &["obama.jpg"]).await;
    enroll(&client, "joe", &["obama3.jpg"]).await;
    assert_eq!(server.blobs().len(), 2, "neither does a repeated image, nor one of another person");
    let delete = "mutation($id: ID!) { deleteFace(input: {faceId: $id}) { deletedFaceId } }";
    client.data(delete, json!({ "id": enrolled["accepted"][0]["id"] })).await;
    assert_eq!(server.blobs().len(), 1);
    let images = [image("obama3.jpg"), image("obama.jpg")];
    try_enroll(&client, json!({ "externalId": "barack", "images": images, "mode": "REPLACE" })).await;
    assert_eq!(server.blobs().len(), 2);
    delete_person(&client, "barack").await;
    assert_eq!(server.blobs().len(), 0);
    server.stop().await;
}
