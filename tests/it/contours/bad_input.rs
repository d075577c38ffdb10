//! Requests that cannot be drawn: refused immediately where possible, otherwise FAILED, without leaving data behind.

use serde_json::{Value, json};

use super::{draw, grey, request, try_submit, two_regions, with};
use crate::support::server::eventually;
use crate::support::{TestServer, code, drawn};

fn points(points: &[(f64, f64)]) -> Value {
    points.iter().map(|(x, y)| json!({ "x": x, "y": y })).collect()
}

#[tokio::test]
async fn landmarks_that_cannot_belong_to_a_face_are_refused() {
    let server = TestServer::start().await;
    let client = server.client();
    for landmarks in [
        points(&[]),
        points(&[(60.0, 50.0)]),
        points(&[(60.0, 50.0), (60.0, 50.0)]),
        points(&[(-1.0, 50.0), (60.0, 50.0)]),
        points(&[(60.0, 50.0), (160.5, 50.0)]),
        points(&[(60.0, 50.0), (100.0, 1e300)]),
        points(&vec![(60.0, 50.0); 2000]),
        points(&[(60.0, 50.0), (60.0, 50.0), (60.0, 50.0), (60.0, 50.0), (60.0, 50.0)]),
    ] {
        let response = try_submit(&client, &with(request(&two_regions()), "landmarks", landmarks)).await;
        assert_eq!(code(&response), "INVALID_LANDMARKS", "{response}");
    }
    // JSON has neither NaN nor infinity, and a number beyond the range is not a Float.
    let query =
        "mutation { submitContour(input: { image: { base64: \"\" }, segmentationMap: { base64: \"\" },
        landmarks: [{ x: 1e999, y: 0 }, { x: 1, y: 1 }] }) { cached } }";
    assert!(!client.refusal(query, json!({})).await.is_empty());
    assert!(server.blobs().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn styles_out_of_range_and_files_that_are_not_images_are_refused() {
    let server = TestServer::start().await;
    let client = server.client();
    let good = request(&two_regions());
    for (style, value) in
        [("fillOpacity", 1.1), ("fillOpacity", -0.1), ("strokeWidth", -1.0), ("smoothing", 11.0)]
    {
        let request = with(good.clone(), "style", json!({ style: value }));
        assert_eq!(code(&try_submit(&client, &request).await), "BAD_USER_INPUT", "{style} {value}");
    }
    for field in ["image", "segmentationMap"] {
        for (base64, expected) in
            [("", "NO_IMAGE"), ("bm8gaW1hZ2U=", "UNSUPPORTED_IMAGE"), ("?", "INVALID_IMAGE")]
        {
            let request = with(good.clone(), field, json!({ "base64": base64 }));
            let response = try_submit(&client, &request).await;
            assert_eq!(code(&response), expected, "{field} {base64}");
            if expected == "UNSUPPORTED_IMAGE" {
                let of_map =
                    response["errors"][0]["message"].as_str().unwrap().starts_with("segmentation map");
                assert_eq!(of_map, field == "segmentationMap", "{response}");
            }
        }
    }
    assert!(server.blobs().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_map_of_another_size_is_refused_with_both_sizes() {
    let server = TestServer::start().await;
    let response = try_submit(&server.client(), &request(&drawn(1))).await;
    assert_eq!(code(&response), "SEGMENTATION_MISMATCH");
    let message = response["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("64x64") && message.contains("160x120"), "{message}");
    assert!(server.blobs().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn maps_with_no_or_too_many_regions_fail_and_report_what_was_found() {
    let server = TestServer::start().await;
    let bands = |count: i32| grey(move |x, _| u8::try_from(x % (count + 1)).unwrap());
    for (map, said) in [(grey(|_, _| 0), "no regions"), (bands(65), "65")] {
        let failed = draw(&server, &request(&map)).await;
        assert_eq!(
            (&failed["status"], &failed["error"]["code"]),
            (&json!("FAILED"), &json!("SEGMENTATION_MISMATCH"))
        );
        assert!(failed["error"]["message"].as_str().unwrap().contains(said), "{failed}");
    }
    let drawn = draw(&server, &with(request(&bands(64)), "style", json!({ "embedImage": false }))).await;
    assert_eq!(drawn["status"], "COMPLETED", "{}", drawn["error"]);
    eventually(async || server.blobs().len() == 2).await;
    server.stop().await;
}

#[tokio::test]
async fn specks_are_counted_and_not_drawn() {
    let server = TestServer::start().await;
    let specks = grey(|x, y| match (x, y) {
        (40..80, 30..90) => 1,
        (100..158, 10..110) if x % 3 == 0 && y % 3 == 0 => 2,
        _ => 0,
    });
    let drawn = draw(&server, &request(&specks)).await;
    assert_eq!(drawn["regions"].as_array().unwrap().len(), 1, "{drawn}");
    assert_eq!(drawn["droppedSpecks"], 19 * 33);
    server.stop().await;
}
