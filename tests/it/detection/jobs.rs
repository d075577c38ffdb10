//! The life of a detection job.

use serde_json::{Value, json};
use vision::{ImageHeader, ImageLimits};

use super::{delete, detect, follow, picture, states, submit, submit_with, try_submit};
use crate::support::client::text;
use crate::support::engine::Script;
use crate::support::{Canvas, Socket, TestServer, code, drawn, photo};

fn two_faces() -> Vec<u8> {
    let large = Canvas::photo("obama.jpg").reduced(500);
    large.beside(&Canvas::photo("biden.jpg").reduced(300)).file()
}

fn area(face: &Value) -> f64 {
    face["box"]["width"].as_f64().unwrap() * face["box"]["height"].as_f64().unwrap()
}

#[tokio::test]
async fn image_is_pending_at_first_and_its_faces_follow() {
    let server = TestServer::start().await;
    let submitted = submit(&server.client(), &photo("obama.jpg")).await;
    assert_eq!(submitted["status"], "PENDING");
    assert_eq!((&submitted["faces"], &submitted["processedImageUrl"]), (&json!([]), &Value::Null));
    let ended = states(&server, &text(&submitted["id"])).await.pop().unwrap();
    assert_eq!(ended["status"], "COMPLETED");
    assert!(ended["completedAt"].as_str().unwrap() >= ended["createdAt"].as_str().unwrap());
    assert_eq!((&ended["width"], &ended["height"]), (&json!(910), &json!(1137)));
    let [face] = ended["faces"].as_array().unwrap().as_slice() else { panic!("{ended}") };
    assert!(face["confidence"].as_f64().unwrap() > 0.99);
    let (left, eye) = (&face["box"]["x"], &face["landmarks"]["leftEye"]["x"]);
    assert!(left.as_f64().unwrap() < eye.as_f64().unwrap());
    server.stop().await;
}

#[tokio::test]
async fn largest_faces_come_first_up_to_the_requested_number() {
    let server = TestServer::start().await;
    let image = picture(&two_faces());
    let all = detect(&server, json!({ "image": image })).await;
    let faces = all["faces"].as_array().unwrap();
    assert_eq!(faces.len(), 2, "{all}");
    assert!(area(&faces[0]) > area(&faces[1]));
    let one = detect(&server, json!({ "image": image, "maxFaces": 1 })).await;
    assert_eq!(one["faces"], json!([faces[0]]));
    let least =
        f64::midpoint(faces[0]["confidence"].as_f64().unwrap(), faces[1]["confidence"].as_f64().unwrap());
    let sure = detect(&server, json!({ "image": image, "minConfidence": least })).await;
    assert_eq!(sure["faces"].as_array().unwrap().len(), 1);
    assert!(sure["faces"][0]["confidence"].as_f64().unwrap() > least);
    server.stop().await;
}

#[tokio::test]
async fn annotated_image_is_reduced_while_the_data_keeps_original_pixels() {
    let server = TestServer::start().await;
    let large = Canvas::photo("obama.jpg").reduced(2000).file();
    let ended = detect(&server, json!({ "image": picture(&large) })).await;
    assert_eq!(ended["width"], 2000);
    let area = &ended["faces"][0]["box"];
    assert!(area["x"].as_f64().unwrap() + area["width"].as_f64().unwrap() > 1000.0, "{area}");
    let answer = reqwest::get(ended["processedImageUrl"].as_str().unwrap()).await.unwrap();
    let limits = ImageLimits { max_bytes: 1 << 24, max_pixels: 1 << 26, max_decode_bytes: 1 << 30 };
    let header = ImageHeader::read(&answer.bytes().await.unwrap(), &limits).unwrap();
    assert_eq!(header.width.max(header.height), 1920);
    server.stop().await;
}

#[tokio::test]
async fn each_change_is_streamed_until_the_end() {
    let script = Script::gated();
    let server = TestServer::assemble(&[], faceql::clock::Clock::system(), script.encoder().await).await;
    let id = text(&submit(&server.client(), &drawn(1)).await["id"]);
    let mut socket = Socket::connect(&server).await;
    follow(&mut socket, &id).await;
    let mut states = vec![socket.said().await.unwrap()];
    script.asked(1).await;
    script.open();
    while let Some(state) = socket.said().await {
        states.push(state);
    }
    let said: Vec<_> = states.iter().map(|state| state["status"].as_str().unwrap()).collect();
    assert!(
        said == ["PENDING", "PROCESSING", "COMPLETED"] || said == ["PROCESSING", "COMPLETED"],
        "{said:?}"
    );
    assert_eq!(super::states(&server, &id).await.len(), 1, "a late subscriber gets only the end");
    server.stop().await;
}

#[tokio::test]
async fn truncated_image_fails_and_a_failing_engine_is_retried() {
    let script = Script::failing(2);
    let server = TestServer::assemble(&[], faceql::clock::Clock::system(), script.encoder().await).await;
    let mut cut = drawn(1);
    cut.truncate(cut.len() / 2);
    let ended = detect(&server, json!({ "image": picture(&cut) })).await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("FAILED"), &json!("INVALID_IMAGE")));
    let ended = detect(&server, json!({ "image": picture(&drawn(2)) })).await;
    assert_eq!((&ended["status"], &ended["faces"]), (&json!("COMPLETED"), &json!([])));
    script.fail(100);
    let ended = detect(&server, json!({ "image": picture(&drawn(3)) })).await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("FAILED"), &json!("ENGINE_UNAVAILABLE")));
    server.stop().await;
}

#[tokio::test]
async fn same_key_returns_the_same_detection_and_another_input_is_a_conflict() {
    let server = TestServer::start().await;
    let client = server.client();
    let input = |shade: u8, max_faces: i32| json!({ "image": picture(&drawn(shade)), "maxFaces": max_faces, "idempotencyKey": "once" });
    let first = submit_with(&client, input(1, 5)).await;
    states(&server, &text(&first["id"])).await;
    assert_eq!(submit_with(&client, input(1, 5)).await["id"], first["id"]);
    assert_eq!(code(&try_submit(&client, input(2, 5)).await), "CONFLICT");
    assert_eq!(code(&try_submit(&client, input(1, 6)).await), "CONFLICT");
    delete(&client, &text(&first["id"])).await;
    assert_ne!(
        submit_with(&client, input(2, 5)).await["id"],
        first["id"],
        "the key of a deleted detection can be reused"
    );
    server.stop_with_jobs().await;
}

#[tokio::test]
async fn deleting_a_detection_stops_its_work_and_leaves_no_data() {
    let script = Script::gated();
    let server = TestServer::assemble(&[], faceql::clock::Clock::system(), script.encoder().await).await;
    let client = server.client();
    let id = text(&submit(&client, &drawn(1)).await["id"]);
    script.asked(1).await;
    let mut socket = Socket::connect(&server).await;
    follow(&mut socket, &id).await;
    socket.said().await.unwrap();
    assert_eq!(delete(&client, &id).await["data"]["deleteDetection"]["deletedDetectionId"], id.as_str());
    while let Some(state) = socket.said().await {
        assert_eq!(state["status"], "PROCESSING");
    }
    script.open();
    assert_eq!(code(&delete(&client, &id).await), "NOT_FOUND");
    assert!(server.blobs().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn detections_are_listed_newest_first_and_by_status() {
    let server = TestServer::start().await;
    let client = server.client();
    let mut ids = Vec::new();
    for shade in 1..=3 {
        ids.insert(0, text(&detect(&server, json!({ "image": picture(&drawn(shade)) })).await["id"]));
    }
    let query = "query($status: JobStatus, $first: Int, $after: String) {
        detections(status: $status, first: $first, after: $after) {
            nodes { id } edges { cursor } pageInfo { hasNextPage endCursor } totalCount } }";
    let first = client.data(query, json!({ "first": 2 })).await["detections"].take();
    assert_eq!(first["nodes"], json!([{ "id": ids[0] }, { "id": ids[1] }]));
    assert_eq!((&first["totalCount"], &first["pageInfo"]["hasNextPage"]), (&json!(3), &json!(true)));
    let rest = client.data(query, json!({ "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!(rest["detections"]["nodes"], json!([{ "id": ids[2] }]));
    let failed = client.data(query, json!({ "status": "FAILED" })).await;
    assert_eq!(
        (&failed["detections"]["nodes"], &failed["detections"]["totalCount"]),
        (&json!([]), &json!(0))
    );
    let node =
        client.data("query($id: ID!) { node(id: $id) { id __typename } }", json!({ "id": ids[0] })).await;
    assert_eq!(node["node"], json!({ "id": ids[0], "__typename": "Detection" }));
    server.stop().await;
}
