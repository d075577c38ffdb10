//! Removal of expired detections and of unreferenced files.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use faceql::clock::Clock;
use faceql::store::cleanup::Sweep;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{detect, picture};
use crate::support::server::real_encoder;
use crate::support::{TestServer, drawn};

#[tokio::test]
async fn a_detection_and_its_images_are_removed_after_their_retention() {
    let later = Arc::new(AtomicI64::new(0));
    let seconds = later.clone();
    let start: DateTime<Utc> = "2026-01-31T12:00:00Z".parse().unwrap();
    let clock = Clock::from_fn(move || start + TimeDelta::seconds(seconds.load(Ordering::Relaxed)));
    let settings = [("FACEQL_DETECTION_RETENTION_SECONDS", "3600")];
    let server = TestServer::assemble(&settings, clock, real_encoder().await).await;
    let input = json!({ "image": picture(&drawn(1)), "idempotencyKey": "once" });
    let old = detect(&server, input.clone()).await;
    later.store(3599, Ordering::Relaxed);
    server.detections.tasks.sweep(Duration::from_hours(1)).await.unwrap();
    assert_eq!(server.blobs().len(), 2);
    later.store(3600, Ordering::Relaxed);
    server.detections.tasks.sweep(Duration::from_hours(1)).await.unwrap();
    assert!(server.blobs().is_empty());
    let query = "query($id: ID!) { detection(id: $id) { id } }";
    assert_eq!(server.client().data(query, json!({ "id": old["id"] })).await["detection"], Value::Null);
    assert_ne!(detect(&server, input).await["id"], old["id"], "its key can be reused");
    server.stop().await;
}

#[tokio::test]
async fn only_an_image_without_a_row_is_removed() {
    let server = TestServer::start().await;
    detect(&server, json!({ "image": picture(&drawn(1)) })).await;
    let kept = server.blobs();
    assert_eq!(kept.len(), 2, "the original and the annotated copy");
    // What a process leaves if it is killed between writing the image and its row.
    let orphans: Vec<_> = kept.iter().map(|path| path.with_file_name(Uuid::now_v7().to_string())).collect();
    for orphan in &orphans {
        std::fs::write(orphan, b"picture").unwrap();
    }
    server.detections.tasks.sweep(Duration::from_mins(1)).await.unwrap();
    assert_eq!(server.blobs().len(), 4, "their row may be about to be written");
    server.detections.tasks.sweep(Duration::ZERO).await.unwrap();
    assert!(orphans.iter().all(|orphan| !orphan.exists()));
    assert_eq!(server.blobs().len(), 2);
    server.stop().await;
}
