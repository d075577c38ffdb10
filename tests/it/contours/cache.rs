//! A contour that was drawn before is not drawn again.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{delete, draw, grey, request, submit, try_submit, two_regions, with};
use crate::access::tenants::{ACME, OTHER};
use crate::support::{TestServer, code};

#[tokio::test]
async fn identical_request_is_served_from_the_cache_without_a_job() {
    let server = TestServer::start().await;
    let request = request(&two_regions());
    let first = draw(&server, &request).await;
    // A job would now wait for ten minutes.
    let server = server.restart(&[("FACEQL_JOBS_DELAY_MS", "600000")]).await;
    let client = server.client();
    let again = submit(&client, &request).await;
    assert_eq!(again["cached"], true);
    assert_eq!(server.holdings().await.1, 0);
    assert_eq!((&again["contour"]["id"], &again["contour"]["svg"]), (&first["id"], &first["svg"]));
    // The same as the default style.
    let style =
        json!({ "fillOpacity": 0.25, "strokeWidth": 2, "dashed": false, "smoothing": 1, "embedImage": true });
    assert_eq!(submit(&client, &with(request.clone(), "style", style)).await["contour"]["id"], first["id"]);
    let server = server.restart(&[]).await;
    for (field, value) in [
        ("style", json!({ "strokeWidth": 1 })),
        ("style", json!({ "embedImage": false })),
        ("landmarks", json!([{ "x": 60, "y": 50 }, { "x": 100, "y": 51 }])),
        ("segmentationMap", super::request(&grey(|x, _| u8::from(x > 80)))["segmentationMap"].clone()),
    ] {
        let other = draw(&server, &with(request.clone(), field, value)).await;
        assert_ne!(other["id"], first["id"], "{field}");
    }
    server.stop().await;
}

#[tokio::test]
async fn ten_identical_requests_at_once_are_drawn_once() {
    let server = TestServer::with(&[("FACEQL_JOBS_DELAY_MS", "600000")]).await;
    let (client, request) = (server.client(), request(&two_regions()));
    let answers = join_all((0..10).map(|_| submit(&client, &request))).await;
    let id = &answers[0]["contour"]["id"];
    assert!(answers.iter().all(|answer| answer["contour"]["id"] == *id));
    assert!(answers.iter().all(|answer| answer["cached"] == false), "none had been drawn before");
    assert_eq!((server.holdings().await.1, server.blobs().len()), (1, 2), "one job, one image and one map");
    delete(&client, id).await;
    server.stop().await;
}

#[tokio::test]
async fn deleted_and_failed_contours_are_drawn_again() {
    let server = TestServer::start().await;
    let client = server.client();
    let request = request(&two_regions());
    let first = draw(&server, &request).await;
    delete(&client, &first["id"]).await;
    assert_ne!(draw(&server, &request).await["id"], first["id"]);
    let empty = super::request(&grey(|_, _| 0));
    let failed = draw(&server, &empty).await;
    assert_eq!(failed["status"], "FAILED");
    let again = submit(&client, &empty).await;
    assert_eq!(again["cached"], false);
    assert_ne!(again["contour"]["id"], failed["id"]);
    super::states(&server, again["contour"]["id"].as_str().unwrap()).await;
    server.stop().await;
}

#[tokio::test]
async fn cache_is_separate_for_each_tenant() {
    let server = crate::access::tenants::server().await;
    let (acme, other) = (server.client_with_key(ACME), server.client_with_key(OTHER));
    let request = request(&two_regions());
    let own = submit(&acme, &request).await["contour"]["id"].take();
    let theirs = submit(&other, &request).await["contour"]["id"].take();
    assert_ne!(own, theirs);
    let query = "query($id: ID!) { contour(id: $id) { id } node(id: $id) { id } }";
    assert_eq!(other.data(query, json!({ "id": own })).await, json!({ "contour": null, "node": null }));
    assert_eq!(acme.data(query, json!({ "id": own })).await["node"]["id"], own);
    assert_eq!(code(&delete(&other, &own).await), "NOT_FOUND");
    server.stop_with_jobs().await;
}

#[tokio::test]
async fn same_key_with_another_input_is_a_conflict() {
    let server = TestServer::start().await;
    let client = server.client();
    let keyed = |request: Value| with(request, "idempotencyKey", json!("once"));
    // Drawn before without a key: the key now refers to it.
    let first = draw(&server, &request(&two_regions())).await;
    assert_eq!(submit(&client, &keyed(request(&two_regions()))).await["cached"], true);
    assert_eq!(submit(&client, &keyed(request(&two_regions()))).await["contour"]["id"], first["id"]);
    let other = keyed(with(request(&two_regions()), "style", json!({ "strokeWidth": 1 })));
    assert_eq!(code(&try_submit(&client, &other).await), "CONFLICT");
    server.stop().await;
}
