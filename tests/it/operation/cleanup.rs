//! What a running server removes by itself.

use std::time::Duration;

use entity::audit_entry;
use faceql::clock::Clock;
use faceql::store::cleanup::Sweep;
use sea_orm::EntityTrait;
use serde_json::json;

use crate::containers::attempts::movable_clock;
use crate::support::TestServer;
use crate::support::engine::Script;
use crate::support::server::eventually;

const KEYED: &str = r#"mutation { createContainer(input: { idempotencyKey: "once" }) { container { id } } }"#;

#[tokio::test]
async fn unreferenced_and_expired_data_is_removed() {
    let (clock, seconds) = movable_clock();
    let settings = [("FACEQL_SWEEP_SECONDS", "1"), ("FACEQL_AUDIT_RETENTION_SECONDS", "86400")];
    let server = TestServer::assemble(&settings, clock, Script::failing(0).encoder().await).await;
    server.client().create_container().await;
    let kinds = ["images", "chips", "detections", "annotated"];
    let kinds = kinds.into_iter().chain(["contour_images", "contour_maps", "contours", "contour_regions"]);
    for kind in kinds {
        let folder = server.folder().join("blobs").join(kind).join("acme");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(uuid::Uuid::now_v7().to_string()), b"nobody's").unwrap();
    }
    // What a killed process had begun to write.
    let begun = server.folder().join("blobs/images/acme").join(format!("{}#1", uuid::Uuid::now_v7()));
    std::fs::write(begun, b"half").unwrap();
    server.containers.sweep(Duration::from_hours(1)).await.unwrap();
    assert_eq!(server.blobs().len(), 9, "their row may be about to be written");

    seconds.fetch_add(2 * 86_400, std::sync::atomic::Ordering::SeqCst);
    eventually(async || server.blobs().is_empty()).await;
    let reader = server.containers.database.reader();
    let first = async || audit_entry::Entity::find_by_id(1).one(reader).await.unwrap();
    eventually(async || first().await.is_none()).await;
    server.stop().await;
}

#[tokio::test]
async fn idempotency_keys_expire_after_a_day() {
    let (clock, seconds) = movable_clock();
    let server = TestServer::assemble(&[], clock, Script::failing(0).encoder().await).await;
    let client = server.client();
    let first = client.data(KEYED, json!({})).await;
    server.containers.sweep(Duration::from_hours(1)).await.unwrap();
    assert_eq!(client.data(KEYED, json!({})).await, first);
    seconds.fetch_add(86_401, std::sync::atomic::Ordering::SeqCst);
    server.containers.sweep(Duration::from_hours(1)).await.unwrap();
    assert_ne!(client.data(KEYED, json!({})).await, first);
    server.stop().await;
}

#[tokio::test]
async fn write_ahead_log_is_truncated() {
    let server = TestServer::assemble(&[], Clock::system(), Script::failing(0).encoder().await).await;
    let client = server.client();
    client.delete_container(&client.create_container().await).await;
    let log = server.folder().join("faceql.db-wal");
    assert!(std::fs::metadata(&log).unwrap().len() > 0);
    eventually(async || std::fs::metadata(&log).unwrap().len() == 0).await;
    server.stop().await;
}
