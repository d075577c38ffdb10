//! The life of a contour job.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use faceql::clock::Clock;
use faceql::store::cleanup::Sweep;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{delete, draw, request, states, submit, two_regions, with};
use crate::containers::attempts::movable_clock;
use crate::support::client::text;
use crate::support::server::{eventually, files, real_encoder};
use crate::support::{Client, Socket, TestServer, code};

#[tokio::test]
async fn contour_is_pending_at_first_and_its_drawing_follows() {
    let server = TestServer::start().await;
    let submitted = submit(&server.client(), &request(&two_regions())).await;
    assert_eq!(submitted["cached"], false);
    let pending = &submitted["contour"];
    assert_eq!(
        (&pending["status"], &pending["svg"], &pending["svgUrl"]),
        (&json!("PENDING"), &Value::Null, &Value::Null)
    );
    let drawn = states(&server, &text(&pending["id"])).await.pop().unwrap();
    assert_eq!(drawn["status"], "COMPLETED", "{drawn}");
    assert_eq!((&drawn["width"], &drawn["height"]), (&json!(160), &json!(120)));
    assert_eq!(drawn["rotationDegrees"], 0.0);
    assert_eq!(drawn["droppedSpecks"], 0);
    let regions = drawn["regions"].as_array().unwrap();
    assert_eq!((&regions[0]["label"], &regions[1]["label"]), (&json!(1), &json!(2)));
    assert_eq!(regions[0]["area"], 2400.0);
    assert_ne!(regions[0]["color"], regions[1]["color"]);
    let svg = text(&drawn["svg"]);
    assert!(svg.starts_with("<svg") && svg.contains("id=\"region-1\"") && svg.contains("data:image/jpeg"));

    let linked = reqwest::get(drawn["svgUrl"].as_str().unwrap()).await.unwrap();
    assert_eq!(linked.headers()["content-type"], "image/svg+xml");
    assert!(linked.headers()["content-security-policy"].to_str().unwrap().contains("sandbox"));
    assert_eq!(linked.text().await.unwrap(), svg);
    eventually(async || server.blobs().len() == 2).await;
    server.stop().await;
}

#[tokio::test]
async fn tilted_eyes_are_levelled_on_a_canvas_that_contains_the_whole_image() {
    let server = TestServer::start().await;
    let tilted = json!([{ "x": 60, "y": 40 }, { "x": 100, "y": 80 }]);
    let drawn = draw(&server, &with(request(&two_regions()), "landmarks", tilted)).await;
    assert!((drawn["rotationDegrees"].as_f64().unwrap() + 45.0).abs() < 1e-6, "{}", drawn["rotationDegrees"]);
    assert!(drawn["width"].as_i64().unwrap() >= 197 && drawn["height"].as_i64().unwrap() >= 197);
    let number = |at: usize| drawn["transform"][at].as_f64().unwrap();
    let levelled = |x: f64, y: f64| {
        (number(0) * x + number(2) * y + number(4), number(1) * x + number(3) * y + number(5))
    };
    let ((left, first), (right, second)) = (levelled(60.0, 40.0), levelled(100.0, 80.0));
    assert!((first - second).abs() < 1e-6 && left < right);
    for region in drawn["regions"].as_array().unwrap() {
        for point in
            region["polygons"].as_array().unwrap().iter().flat_map(|polygon| polygon.as_array().unwrap())
        {
            let (x, y) = (point["x"].as_f64().unwrap(), point["y"].as_f64().unwrap());
            let inside = (0.0..=drawn["width"].as_f64().unwrap()).contains(&x)
                && (0.0..=drawn["height"].as_f64().unwrap()).contains(&y);
            assert!(inside, "{point}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn style_is_applied() {
    let server = TestServer::start().await;
    let style =
        json!({ "fillOpacity": 0.5, "strokeWidth": 3, "dashed": true, "smoothing": 0, "embedImage": false });
    let svg = text(&draw(&server, &with(request(&two_regions()), "style", style)).await["svg"]);
    for told in ["fill-opacity=\"0.5\"", "stroke-width=\"3\"", "stroke-dasharray"] {
        assert!(svg.contains(told), "no {told} in {svg}");
    }
    assert!(!svg.contains("data:image"), "{svg}");
    server.stop().await;
}

#[tokio::test]
async fn waiting_contour_survives_a_restart() {
    let slow = [("FACEQL_JOBS_DELAY_MS", "600000"), ("FACEQL_SHUTDOWN_GRACE_SECONDS", "0")];
    let server = TestServer::with(&slow).await;
    let submitted = submit(&server.client(), &request(&two_regions())).await;
    let server = server.restart(&[]).await;
    let id = text(&submitted["contour"]["id"]);
    assert_eq!(states(&server, &id).await.pop().unwrap()["status"], "COMPLETED");
    server.stop().await;
}

#[tokio::test]
async fn deleting_a_contour_stops_its_work_and_leaves_no_data() {
    let server = TestServer::with(&[("FACEQL_JOBS_DELAY_MS", "600000")]).await;
    let client = server.client();
    let id = submit(&client, &request(&two_regions())).await["contour"]["id"].take();
    let mut socket = Socket::connect(&server).await;
    let query = "subscription($id: ID!) { contourChanged(id: $id) { status } }";
    socket.subscribe("1", query, json!({ "id": id })).await;
    while socket.said().await.unwrap()["status"] != "PROCESSING" {}
    assert_eq!(delete(&client, &id).await["data"]["deleteContour"]["deletedContourId"], id);
    assert_eq!(socket.said().await, None);
    assert_eq!(code(&delete(&client, &id).await), "NOT_FOUND");
    assert!(server.blobs().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn contour_and_its_link_expire_after_their_retention() {
    let later = Arc::new(AtomicI64::new(0));
    let seconds = later.clone();
    let start: DateTime<Utc> = "2026-01-31T12:00:00Z".parse().unwrap();
    let clock = Clock::from_fn(move || start + TimeDelta::seconds(seconds.load(Ordering::Relaxed)));
    let settings = [("FACEQL_CONTOUR_RETENTION_SECONDS", "600")];
    let server = TestServer::assemble(&settings, clock, real_encoder().await).await;
    let drawn = draw(&server, &request(&two_regions())).await;
    let status = async || reqwest::get(drawn["svgUrl"].as_str().unwrap()).await.unwrap().status().as_u16();
    later.store(599, Ordering::Relaxed);
    server.contours.tasks.sweep(Duration::from_hours(1)).await.unwrap();
    assert_eq!(status().await, 200);
    later.store(600, Ordering::Relaxed);
    server.contours.tasks.sweep(Duration::from_hours(1)).await.unwrap();
    assert_eq!(status().await, 404);
    assert_eq!(found(&server.client(), &drawn["id"]).await, Value::Null);
    assert!(server.blobs().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn landmarks_of_a_deleted_contour_are_in_no_file() {
    let (clock, seconds) = movable_clock();
    let settings = [("FACEQL_CONTOUR_RETENTION_SECONDS", "600")];
    let server = TestServer::assemble(&settings, clock, real_encoder().await).await;
    let tasks = &server.contours.tasks;
    let landmarks = json!([{ "x": 60.015_625, "y": 50 }, { "x": 100, "y": 50 }]);
    let is_there = || {
        let content = files(server.folder()).into_iter().filter_map(|file| std::fs::read(file).ok());
        content.into_iter().any(|bytes| bytes.windows(9).any(|part| part == b"60.015625"))
    };
    for is_deleted in [true, false] {
        tasks.database.erase_due().await.unwrap();
        let drawn = draw(&server, &with(request(&two_regions()), "landmarks", landmarks.clone())).await;
        assert!(drawn["status"] == "COMPLETED" && is_there());
        if is_deleted {
            delete(&server.client(), &drawn["id"]).await;
        } else {
            seconds.fetch_add(600, Ordering::SeqCst);
            tasks.sweep(Duration::from_hours(1)).await.unwrap();
        }
        eventually(async || {
            tasks.database.erase_due().await.unwrap();
            !is_there()
        })
        .await;
    }
    server.stop().await;
}

#[tokio::test]
async fn only_files_without_a_row_are_removed() {
    let server = TestServer::start().await;
    draw(&server, &request(&two_regions())).await;
    eventually(async || server.blobs().len() == 2).await;
    let kept = server.blobs();
    let kinds = kept[0].parent().unwrap().parent().unwrap().parent().unwrap().to_owned();
    for kind in ["contours", "contour_regions", "contour_images", "contour_maps"] {
        let folder = kinds.join(kind).join("default");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(Uuid::now_v7().to_string()), b"left over").unwrap();
    }
    server.contours.tasks.sweep(Duration::from_mins(1)).await.unwrap();
    assert_eq!(server.blobs().len(), 6, "their row may be about to be written");
    server.contours.tasks.sweep(Duration::ZERO).await.unwrap();
    assert_eq!(server.blobs().len(), kept.len());
    assert!(kept.iter().all(|file| file.exists()));
    server.stop().await;
}

async fn found(client: &Client, id: &Value) -> Value {
    client.data("query($id: ID!) { contour(id: $id) { id } }", json!({ "id": id })).await["contour"].take()
}
