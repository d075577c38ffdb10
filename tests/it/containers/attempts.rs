//! The engine fails, blocks or finishes too late: retries with backoff, final failure, manual retry, deletion.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use faceql::clock::Clock;
use faceql::store::cleanup::Sweep;
use futures_util::future::join_all;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::client::text;
use crate::support::engine::{Script, client_of, in_line};
use crate::support::pictures::bmp_header;
use crate::support::server::{Overrides, eventually};
use crate::support::socket::settle;
use crate::support::{Event, Socket, TestServer, code, drawn};

const THREE_ATTEMPTS: Overrides<'static> = &[("FACEQL_JOBS_MAX_ATTEMPTS", "3")];

async fn server(script: &Arc<Script>) -> TestServer {
    TestServer::assemble(THREE_ATTEMPTS, Clock::system(), script.encoder().await).await
}

#[tokio::test]
async fn transient_failures_are_retried() {
    let server = server(&Script::failing(2)).await;
    let client = server.client();
    let container = client.create_container().await;
    client.upload(&container, drawn(1)).await;
    let last = settle(&server, &container, 1).await.pop().unwrap();
    assert_eq!((&last["status"], &last["attempts"]), (&json!("COMPLETED"), &json!(3)));
    server.stop().await;
}

#[tokio::test]
async fn image_fails_after_the_last_attempt_and_completes_when_retried_by_hand() {
    let script = Script::failing(3);
    let server = server(&script).await;
    let client = server.client();
    let container = client.create_container().await;
    let image = text(&client.upload(&container, drawn(1)).await["id"]);
    let failed = settle(&server, &container, 1).await.pop().unwrap();
    assert_eq!((&failed["status"], &failed["attempts"]), (&json!("FAILED"), &json!(3)));
    assert_eq!(failed["error"]["code"], "ENGINE_UNAVAILABLE");
    let told = client.container(&container, "images { error { message } }").await["images"][0].take();
    // The engine's own words name its files.
    assert_eq!(told["error"]["message"], "the engine failed; retry the image later");

    let mut socket = Socket::connect(&server).await;
    socket.follow(&container).await;
    assert_eq!(socket.image().await, failed);
    let again = client.retry(&image).await["data"]["retryImage"]["image"].take();
    assert_eq!((&again["status"], &again["error"]), (&json!("PROCESSING"), &Value::Null));
    assert_eq!(again["revision"].as_i64(), failed["revision"].as_i64().map(|revision| revision + 1));
    assert_eq!(socket.image().await["revision"], again["revision"]);
    let completed = settle(&server, &container, 1).await.pop().unwrap();
    assert_eq!((&completed["status"], &completed["attempts"]), (&json!("COMPLETED"), &json!(4)));
    assert_eq!(code(&client.retry(&image).await), "IMAGE_NOT_RETRYABLE");
    server.stop().await;
}

#[tokio::test]
async fn image_that_the_engine_fails_on_does_not_fail_the_images_batched_with_it() {
    let script = Script::gated();
    let encoder = script.encoder().await;
    let encode = || {
        let encoder = encoder.clone();
        tokio::spawn(async move { encoder.encode(&client_of("a"), drawn(1).into()).await.is_ok() })
    };
    let first = encode();
    script.asked(1).await;
    let beside = [encode(), encode()];
    in_line(&encoder, 2).await;
    // The first alone, and then the first of a batch of two.
    script.fail(2);
    script.open();
    assert!(!first.await.unwrap());
    for image in beside {
        assert!(image.await.unwrap());
    }
}

#[tokio::test]
async fn engine_holds_no_more_images_than_its_queue_has_room_for() {
    let script = Script::gated();
    let encoder = script.encoder().await;
    let encode = |tenant: &str| {
        let (encoder, client) = (encoder.clone(), client_of(tenant));
        tokio::spawn(async move { encoder.encode(&client, drawn(1).into()).await.is_ok() })
    };
    let first = encode("a");
    script.asked(1).await;
    let mut others: Vec<_> = (0..70).map(|_| encode("a")).collect();
    // A third of the queue, which is the maximum for one tenant's jobs.
    in_line(&encoder, 22).await;
    others.extend((0..70).map(|_| encode("b")));
    in_line(&encoder, 33).await;
    assert!(others.iter().all(|other| !other.is_finished()));
    assert!(encoder.waiting()[1].1 < 64, "there is a slot left for other tenants");
    script.open();
    assert!(first.await.unwrap());
    assert!(join_all(others).await.into_iter().all(Result::unwrap));
}

#[tokio::test]
async fn upload_whose_write_fails_leaves_no_bytes() {
    let server = server(&Script::failing(0)).await;
    let client = server.client();
    let container = client.create_container().await;
    let write = server.containers.database.write().await.unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON images BEGIN SELECT RAISE(ABORT, 'on purpose'); END";
    write.execute_unprepared(refuse).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(code(&client.try_upload(&container, drawn(1), None).await), "STORAGE_UNAVAILABLE");
    assert_eq!(server.holdings().await, (0, 0, 0));
    server.stop().await;
}

#[tokio::test]
async fn processing_image_cannot_be_retried() {
    let script = Script::gated();
    let server = server(&script).await;
    let client = server.client();
    let container = client.create_container().await;
    let image = text(&client.upload(&container, drawn(1)).await["id"]);
    assert_eq!(code(&client.retry(&image).await), "IMAGE_NOT_RETRYABLE");
    script.open();
    settle(&server, &container, 1).await;
    server.stop().await;
}

#[tokio::test]
async fn failed_image_cannot_be_retried_after_its_retention() {
    let (clock, seconds) = movable_clock();
    let server = TestServer::assemble(THREE_ATTEMPTS, clock, Script::failing(3).encoder().await).await;
    let client = server.client();
    let container = client.create_container().await;
    let image = text(&client.upload(&container, drawn(1)).await["id"]);
    settle(&server, &container, 1).await;
    assert_eq!(server.blobs().len(), 1);
    server.containers.sweep(Duration::from_hours(1)).await.unwrap();
    assert_eq!(server.blobs().len(), 1, "its bytes are kept for a day");

    seconds.fetch_add(86_400, Ordering::SeqCst);
    assert_eq!(code(&client.retry(&image).await), "IMAGE_NOT_RETRYABLE");
    server.containers.sweep(Duration::from_hours(1)).await.unwrap();
    assert_eq!(server.blobs().len(), 0);
    assert_eq!(code(&client.retry(&image).await), "IMAGE_NOT_RETRYABLE");
    server.stop().await;
}

#[tokio::test]
async fn container_deleted_while_its_image_encodes_leaves_nothing() {
    let script = Script::gated();
    let server = server(&script).await;
    let client = server.client();
    let container = client.create_container().await;
    let mut socket = Socket::connect(&server).await;
    socket.follow(&container).await;
    for shade in 1..=2 {
        client.upload(&container, drawn(shade)).await;
    }
    script.asked(1).await;
    client.delete_container(&container).await;
    while !matches!(socket.next().await, Event::Complete) {}
    script.open();

    // A later image waits behind the cancelled work.
    let next = client.create_container().await;
    client.upload(&next, drawn(3)).await;
    settle(&server, &next, 1).await;
    client.delete_container(&next).await;
    assert_eq!(server.holdings().await, (0, 0, 0));
    server.stop().await;
}

#[tokio::test]
async fn waiting_image_of_a_deleted_container_is_not_processed() {
    let script = Script::gated();
    let server = server(&script).await;
    let client = server.client();
    let (first, second) = (client.create_container().await, client.create_container().await);
    client.upload(&first, drawn(1)).await;
    script.asked(1).await;
    client.upload(&second, [bmp_header(32, 32), vec![0; 32 * 32 * 3]].concat()).await;
    let waits = async || {
        let service = client.data("{ service { components { detail } } }", json!({})).await;
        service.to_string().contains("1 image(s) waiting")
    };
    eventually(waits).await;
    client.delete_container(&second).await;
    eventually(async || server.holdings().await.1 == 1).await;
    script.open();
    // A later image waits behind the cancelled work.
    client.upload(&first, drawn(2)).await;
    settle(&server, &first, 2).await;
    assert_eq!(script.widths(), [64, 64]);
    server.stop().await;
}

#[tokio::test]
async fn upload_is_acknowledged_while_the_engine_is_blocked() {
    let script = Script::gated();
    let server = server(&script).await;
    let client = server.client();
    let container = client.create_container().await;
    for shade in 0..5 {
        assert_eq!(client.upload(&container, drawn(shade)).await["status"], "PROCESSING");
    }
    assert_eq!(client.container(&container, "settled comparison { samePerson }").await["settled"], false);
    script.open();
    settle(&server, &container, 5).await;
    server.stop().await;
}

#[tokio::test]
async fn job_of_a_server_that_was_stopped_is_finished_by_the_next() {
    let script = Script::gated();
    let folder = tempfile::tempdir().unwrap();
    let (database, blobs) = (folder.path().join("faceql.db"), folder.path().join("blobs"));
    let (database, blobs) = (format!("sqlite:{}", database.display()), blobs.display().to_string());
    let secret = folder.path().join("secret").display().to_string();
    let shared: Overrides<'_> = &[
        ("DATABASE_URL", &database),
        ("FACEQL_BLOB_FOLDER", &blobs),
        ("FACEQL_SECRET_FILE", &secret),
        ("FACEQL_SHUTDOWN_GRACE_SECONDS", "0"),
        ("FACEQL_JOBS_LEASE_SECONDS", "3600"),
        ("FACEQL_JOBS_MAX_ATTEMPTS", "2"),
    ];
    let first = TestServer::assemble(shared, Clock::system(), script.encoder().await).await;
    let container = first.client().create_container().await;
    first.client().upload(&container, drawn(1)).await;
    script.asked(1).await;
    first.stop_with_jobs().await;

    let second = TestServer::assemble(shared, Clock::system(), Script::failing(1).encoder().await).await;
    let last = settle(&second, &container, 1).await.pop().unwrap();
    // The first server returned its lease and had started; its interrupted attempt does not count as a failed one.
    assert_eq!((&last["status"], &last["attempts"]), (&json!("COMPLETED"), &json!(3)));
    script.open();
    second.stop().await;
}

/// A clock that can be moved by hand: the counter is its lead over the system's clock in seconds.
pub(crate) fn movable_clock() -> (Clock, Arc<AtomicI64>) {
    let seconds = Arc::new(AtomicI64::new(0));
    let ahead = seconds.clone();
    let tell = move || Clock::system().now() + TimeDelta::seconds(ahead.load(Ordering::SeqCst));
    (Clock::from_fn(tell), seconds)
}
