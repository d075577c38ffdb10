//! Signed links: what they return, how, and when they stop working.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use faceql::clock::Clock;
use reqwest::{Response, StatusCode, header};
use serde_json::{Value, json};

use super::{delete, detect, picture};
use crate::support::client::{http, text};
use crate::support::server::real_encoder;
use crate::support::{TestServer, photo};

async fn get(url: &str, headers: &[(header::HeaderName, &str)]) -> Response {
    let request = headers.iter().fold(http().get(url), |request, (name, value)| request.header(name, *value));
    request.send().await.unwrap()
}

fn value<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}: {response:?}")).to_str().unwrap()
}

async fn detected(server: &TestServer) -> Value {
    detect(server, json!({ "image": picture(&photo("obama.jpg")) })).await
}

#[tokio::test]
async fn links_return_the_images_without_a_key() {
    let server = TestServer::start().await;
    let ended = detected(&server).await;
    let original = get(ended["originalImageUrl"].as_str().unwrap(), &[]).await;
    assert_eq!((original.status(), value(&original, "content-type")), (StatusCode::OK, "image/jpeg"));
    assert_eq!(value(&original, "x-content-type-options"), "nosniff");
    assert!(value(&original, "cache-control").contains("private"));
    assert_eq!(original.bytes().await.unwrap(), photo("obama.jpg"));
    let processed = get(ended["processedImageUrl"].as_str().unwrap(), &[]).await;
    assert_eq!(value(&processed, "content-type"), "image/jpeg");
    let length: usize = value(&processed, "content-length").parse().unwrap();
    assert_eq!(processed.bytes().await.unwrap().len(), length);
    let head = http().head(ended["originalImageUrl"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(value(&head, "content-length"), photo("obama.jpg").len().to_string());
    server.stop().await;
}

#[tokio::test]
async fn ranges_are_served_and_impossible_ranges_refused() {
    let server = TestServer::start().await;
    let url = text(&detected(&server).await["originalImageUrl"]);
    let (whole, size) = (photo("obama.jpg"), photo("obama.jpg").len());
    let last = format!("bytes={}-", size - 10);
    let beyond = format!("bytes=0-{}", size + 99);
    for (range, first, end) in [
        ("bytes=0-99", 0, 100),
        ("bytes=100-199", 100, 200),
        (&*last, size - 10, size),
        ("bytes=-10", size - 10, size),
        ("bytes=-999999999", 0, size),
        (&*beyond, 0, size),
    ] {
        let part = get(&url, &[(header::RANGE, range)]).await;
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(value(&part, "content-range"), format!("bytes {first}-{}/{size}", end - 1));
        assert_eq!(part.bytes().await.unwrap(), whole[first..end], "{range}");
    }
    let head = http().head(&url).header(header::RANGE, "bytes=0-9").send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK, "ranges apply to GET only");
    let outside = get(&url, &[(header::RANGE, &format!("bytes={size}-"))]).await;
    assert_eq!(value(&outside, "cache-control"), "no-store");
    assert_eq!(outside.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(value(&outside, "content-range"), format!("bytes */{size}"));
    for range in ["bytes=0-9,20-29", "bytes=0-15,10-20", "bytes=0-0,999999999-", "lines=0-9", "bytes=x"] {
        let answer = get(&url, &[(header::RANGE, range)]).await;
        assert_eq!((answer.status(), answer.bytes().await.unwrap().len()), (StatusCode::OK, size), "{range}");
    }
    server.stop().await;
}

#[tokio::test]
async fn unchanged_files_are_not_sent_again() {
    let server = TestServer::start().await;
    let url = text(&detected(&server).await["originalImageUrl"]);
    let first = get(&url, &[]).await;
    let (etag, modified) = (value(&first, "etag").to_owned(), value(&first, "last-modified").to_owned());
    let status = async |name: header::HeaderName, wanted: &str| get(&url, &[(name, wanted)]).await.status();
    assert_eq!(status(header::IF_NONE_MATCH, &etag).await, StatusCode::NOT_MODIFIED);
    assert_eq!(status(header::IF_NONE_MATCH, "\"another\"").await, StatusCode::OK);
    assert_eq!(status(header::IF_MODIFIED_SINCE, &modified).await, StatusCode::NOT_MODIFIED);
    assert_eq!(status(header::IF_MODIFIED_SINCE, "Sat, 31 Jan 2026 12:00:00 GMT").await, StatusCode::OK);
    assert_eq!(status(header::IF_MATCH, "\"another\"").await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(status(header::IF_MATCH, &etag).await, StatusCode::OK);
    let long_ago = "Sat, 31 Jan 2026 12:00:00 GMT";
    assert_eq!(status(header::IF_UNMODIFIED_SINCE, long_ago).await, StatusCode::PRECONDITION_FAILED);
    let part = async |condition: &str| {
        get(&url, &[(header::RANGE, "bytes=0-9"), (header::IF_RANGE, condition)]).await.status()
    };
    assert_eq!(part(&etag).await, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part("\"another\"").await, StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn forged_expired_deleted_and_foreign_links_return_nothing() {
    let later = Arc::new(AtomicI64::new(0));
    let seconds = later.clone();
    let start: DateTime<Utc> = "2026-01-31T12:00:00Z".parse().unwrap();
    let clock = Clock::from_fn(move || start + TimeDelta::seconds(seconds.load(Ordering::Relaxed)));
    let server = TestServer::assemble(&[], clock, real_encoder().await).await;
    let ended = detected(&server).await;
    let url = text(&ended["originalImageUrl"]);
    let status = async |url: &str| {
        let answer = get(url, &[]).await;
        let status = answer.status();
        assert!(
            status == StatusCode::OK || answer.bytes().await.unwrap().is_empty(),
            "the response is empty"
        );
        status
    };
    assert_eq!(status(&url).await, StatusCode::OK);
    let (path, query) = url.split_once('?').unwrap();
    let processed = text(&ended["processedImageUrl"]);
    let (processed, _) = processed.split_once('?').unwrap();
    let forged = [
        path.to_owned(),
        format!("{path}?nonsense"),
        format!("{processed}?{query}"),
        url.replace("tenant=default", "tenant=other"),
        url.replace("expires=1", "expires=2"),
        url.replace(".jpg", ".svg"),
        url.replace("/detections/", "/detections%2F..%2F"),
        url.replace("/detections/", "/%FF/"),
        format!("{path}?{}", query.replace("signature=", "signature=0")),
        format!("{path}?{}", with_another_digit(query)),
    ];
    for url in forged {
        assert_eq!(status(&url).await, StatusCode::NOT_FOUND, "{url}");
    }
    later.store(2 * 3600, Ordering::Relaxed);
    assert_eq!(status(&url).await, StatusCode::NOT_FOUND, "expired");
    let query = "query($id: ID!) { detection(id: $id) { originalImageUrl } }";
    let fresh = server.client().data(query, json!({ "id": ended["id"] })).await;
    let fresh = text(&fresh["detection"]["originalImageUrl"]);
    assert_eq!(status(&fresh).await, StatusCode::OK);
    delete(&server.client(), &text(&ended["id"])).await;
    assert_eq!(status(&fresh).await, StatusCode::NOT_FOUND, "deleted");
    server.stop().await;
}

/// A link's query string with the last digit of the signature changed.
fn with_another_digit(query: &str) -> String {
    let (rest, last) = query.split_at(query.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

#[tokio::test]
async fn links_survive_a_restart_and_start_with_the_public_url() {
    let server = TestServer::start().await;
    let url = text(&detected(&server).await["originalImageUrl"]);
    let old = server.address.to_string();
    let server = server.restart(&[("PUBLIC_URL", "https://faces.example/")]).await;
    let here = url.replace(&old, &server.address.to_string());
    assert_eq!(get(&here, &[]).await.status(), StatusCode::OK);
    let query = "{ detections { nodes { originalImageUrl } } }";
    let nodes = server.client().data(query, json!({})).await;
    let public = text(&nodes["detections"]["nodes"][0]["originalImageUrl"]);
    assert!(public.starts_with("https://faces.example/files/detections/"), "{public}");
    server.stop().await;
}
