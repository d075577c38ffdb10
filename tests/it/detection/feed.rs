//! The feed: all finished detections, in the order in which they finish, from any cursor, across restarts, for any
//! number of subscribers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use faceql::clock::Clock;
use faceql::store::cleanup::Sweep;
use serde_json::{Value, json};

use super::{delete, detect, picture, submit};
use crate::support::client::text;
use crate::support::engine::Script;
use crate::support::server::{eventually, real_encoder};
use crate::support::{Client, Event, Socket, TestServer, drawn};

const FEED: &str =
    "subscription($after: String) { detectionFeed(after: $after) { cursor detection { id status } } }";

/// `[7000,"2126-01-31T12:00:00Z"]`: a cursor beyond the end of the feed.
const FURTHER: &str = "WzcwMDAsIjIxMjYtMDEtMzFUMTI6MDA6MDBaIl0";

/// Starts to follow the feed: everything that finishes after this returns is received.
async fn follow(server: &TestServer) -> Socket {
    let mut socket = Socket::connect(server).await;
    socket.subscribe("1", FEED, json!({})).await;
    eventually(async || server.detections.feed.topic_count() == 1).await;
    socket
}

/// A cursor after everything that has finished.
async fn mark(server: &TestServer) -> Value {
    let mut live = follow(server).await;
    submit(&server.client(), &drawn(99)).await;
    live.said().await.unwrap()["cursor"].take()
}

/// A clock, and its lead in seconds.
fn clock() -> (Arc<AtomicI64>, Clock) {
    let later = Arc::new(AtomicI64::new(0));
    let (seconds, system) = (later.clone(), Clock::system());
    (later, Clock::from_fn(move || system.now() + TimeDelta::seconds(seconds.load(Ordering::Relaxed))))
}

async fn items(socket: &mut Socket, count: usize) -> Vec<Value> {
    let mut items = Vec::new();
    while items.len() < count {
        items.push(socket.said().await.unwrap());
    }
    items
}

/// Submits that many images, every third of which is broken.
async fn submit_all(client: &Client, count: u8) -> HashSet<String> {
    let mut ids = HashSet::new();
    for shade in 0..count {
        let mut image = drawn(shade);
        if shade % 3 == 0 {
            image.truncate(image.len() / 2);
        }
        ids.insert(text(&submit(client, &image).await["id"]));
    }
    ids
}

fn ids(items: &[Value]) -> HashSet<String> {
    items.iter().map(|item| text(&item["detection"]["id"])).collect()
}

#[tokio::test]
async fn replay_after_a_cursor_and_live_events_have_no_gap_and_no_duplicates() {
    let server = TestServer::start().await;
    let mut live = follow(&server).await;
    let submitted = submit_all(&server.client(), 12).await;
    let heard = items(&mut live, 12).await;
    assert_eq!(ids(&heard), submitted);
    let failed = heard.iter().filter(|item| item["detection"]["status"] == "FAILED").count();
    assert_eq!(failed, 4);
    // From the middle, on a server that started after they finished.
    let server = server.restart(&[]).await;
    let mut again = Socket::connect(&server).await;
    again.subscribe("1", FEED, json!({ "after": heard[4]["cursor"] })).await;
    let mut replayed = items(&mut again, 7).await;
    let later = submit_all(&server.client(), 5).await;
    replayed.extend(items(&mut again, 5).await);
    assert_eq!(replayed[..7], heard[5..]);
    assert_eq!(ids(&replayed[7..]), later);
    server.stop().await;
}

#[tokio::test]
async fn an_older_detection_that_finishes_later_is_delivered_later() {
    let (later, clock) = clock();
    let settings = [("FACEQL_JOBS_BACKOFF_MS", "600000"), ("FACEQL_JOBS_MAX_BACKOFF_MS", "600000")];
    let script = Script::failing(1);
    let server = TestServer::assemble(&settings, clock, script.encoder().await).await;
    let client = server.client();
    let mut live = follow(&server).await;
    // Its first attempt fails, so that the next detection overtakes it.
    let older = text(&submit(&client, &drawn(1)).await["id"]);
    script.asked(1).await;
    let newer = text(&detect(&server, json!({ "image": picture(&drawn(2)) })).await["id"]);
    later.store(600, Ordering::Relaxed);
    let heard = items(&mut live, 2).await;
    assert_eq!(heard[0]["detection"]["id"], newer.as_str());
    assert_eq!(heard[1]["detection"]["id"], older.as_str());
    let mut replay = Socket::connect(&server).await;
    replay.subscribe("1", FEED, json!({ "after": heard[0]["cursor"] })).await;
    assert_eq!(items(&mut replay, 1).await, heard[1..]);
    server.stop().await;
}

#[tokio::test]
async fn subscribers_that_join_during_the_work_miss_nothing() {
    let server = TestServer::start().await;
    let (mark, client) = (mark(&server).await, server.client());
    let submitting = tokio::spawn(async move { submit_all(&client, 90).await });
    let mut followers = Vec::new();
    for _ in 0..10 {
        let mut socket = Socket::connect(&server).await;
        socket.subscribe("1", FEED, json!({ "after": mark })).await;
        followers.push(socket);
    }
    let submitted = submitting.await.unwrap();
    let mut order = None;
    for socket in &mut followers {
        let heard = items(socket, 90).await;
        assert_eq!(ids(&heard), submitted);
        assert_eq!(*order.get_or_insert_with(|| heard.clone()), heard, "all get the same order");
    }
    server.stop().await;
}

#[tokio::test]
async fn without_a_cursor_earlier_detections_are_not_delivered() {
    let server = TestServer::start().await;
    mark(&server).await;
    eventually(async || server.detections.feed.topic_count() == 0).await;
    let mut live = follow(&server).await;
    let id = text(&submit(&server.client(), &drawn(1)).await["id"]);
    assert_eq!(live.said().await.unwrap()["detection"]["id"], id.as_str());
    server.stop().await;
}

#[tokio::test]
async fn a_thousand_subscribers_get_every_event() {
    let server = TestServer::start().await;
    let mark = mark(&server).await;
    let mut sockets = Vec::new();
    for _ in 0..10 {
        let mut socket = Socket::connect(&server).await;
        for operation in 0..100 {
            socket.subscribe(&operation.to_string(), FEED, json!({ "after": mark })).await;
        }
        sockets.push(socket);
    }
    let submitted = submit_all(&server.client(), 5).await;
    for socket in &mut sockets {
        let heard = items(socket, 500).await;
        assert_eq!(ids(&heard), submitted);
        let mut counts = HashMap::new();
        for item in &heard {
            *counts.entry(text(&item["cursor"])).or_insert(0) += 1;
        }
        assert!(counts.len() == 5 && counts.values().all(|count| *count == 100), "{counts:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn cursors_that_are_too_old_or_from_elsewhere_are_refused() {
    let (later, clock) = clock();
    let settings = [("FACEQL_DETECTION_RETENTION_SECONDS", "3600")];
    let server = TestServer::assemble(&settings, clock, real_encoder().await).await;
    let mut live = follow(&server).await;
    submit_all(&server.client(), 2).await;
    let heard = items(&mut live, 2).await;
    assert_eq!(refusal(&server, "nonsense").await, "BAD_USER_INPUT");
    assert_eq!(refusal(&server, FURTHER).await, "BAD_USER_INPUT");
    later.store(3601, Ordering::Relaxed);
    assert_eq!(refusal(&server, &text(&heard[0]["cursor"])).await, "CURSOR_EXPIRED");
    server.stop_with_jobs().await;
}

/// The error code of a subscription with this cursor.
async fn refusal(server: &TestServer, after: &str) -> String {
    let mut socket = Socket::connect(server).await;
    socket.subscribe("1", FEED, json!({ "after": after })).await;
    match socket.next().await {
        Event::Error(code) => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn detections_removed_early_because_of_a_wrong_clock_are_reported_as_a_gap() {
    let (later, clock) = clock();
    let settings = [("FACEQL_DETECTION_RETENTION_SECONDS", "3600")];
    let server = TestServer::assemble(&settings, clock, real_encoder().await).await;
    let client = server.client();
    let mut live = follow(&server).await;
    submit_all(&client, 3).await;
    let heard = items(&mut live, 3).await;
    // A detection that is deleted on purpose is not a gap.
    delete(&client, &text(&heard[1]["detection"]["id"])).await;
    let mut follower = Socket::connect(&server).await;
    follower.subscribe("1", FEED, json!({ "after": heard[0]["cursor"] })).await;
    assert_eq!(items(&mut follower, 1).await, heard[2..]);
    later.store(7200, Ordering::Relaxed);
    server.detections.tasks.sweep(Duration::from_hours(1)).await.unwrap();
    later.store(0, Ordering::Relaxed);
    for missed in &heard[..2] {
        assert_eq!(refusal(&server, &text(&missed["cursor"])).await, "CURSOR_EXPIRED");
    }
    // Nothing is missing after the last one, and existing subscribers continue.
    let mut replay = Socket::connect(&server).await;
    replay.subscribe("1", FEED, json!({ "after": heard[2]["cursor"] })).await;
    let id = text(&submit(&client, &drawn(50)).await["id"]);
    for socket in [&mut live, &mut follower, &mut replay] {
        assert_eq!(socket.said().await.unwrap()["detection"]["id"], id.as_str());
    }
    server.stop().await;
}
