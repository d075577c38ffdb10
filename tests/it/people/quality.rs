//! Whether a picture shows one face, and shows it well enough.

use serde_json::{Value, json};

use super::{consent, picture, refused, try_enroll};
use crate::support::{Canvas, Client, TestServer, drawn, photo};

/// What becomes of pictures for somebody who is new.
async fn judged(client: &Client, external_id: &str, pictures: &[Vec<u8>]) -> Value {
    let images: Vec<Value> = pictures.iter().map(|bytes| picture(bytes)).collect();
    let input = json!({ "externalId": external_id, "images": images, "consent": consent() });
    let mut response = try_enroll(client, input).await;
    assert!(response.get("errors").is_none(), "{response}");
    response["data"]["enrollPerson"].take()
}

#[tokio::test]
async fn picture_of_nobody_and_picture_of_two_are_refused() {
    let server = TestServer::start().await;
    let client = server.client();
    let two = Canvas::photo("obama.jpg").reduced(320).beside(&Canvas::photo("biden.jpg").reduced(320)).file();
    let answer = judged(&client, "joe", &[drawn(1), two]).await;
    assert_eq!(refused(&answer), [("NO_FACE", vec![]), ("MULTIPLE_FACES", vec![])]);
    assert_eq!((&answer["person"], &answer["accepted"]), (&Value::Null, &json!([])));
    server.stop().await;
}

#[tokio::test]
async fn face_that_is_seen_badly_is_refused_with_what_is_wrong() {
    let server = TestServer::start().await;
    let client = server.client();
    let photo = Canvas::photo("obama.jpg").reduced(480);
    let pictures = [
        photo.reduced(110).file(),
        photo.blurred(8).file(),
        photo.clone().with(|channel| channel / 6).file(),
    ];
    let answer = judged(&client, "barack", &pictures).await;
    let found = refused(&answer);
    assert_eq!(found.len(), pictures.len(), "{answer}");
    let expected = ["TOO_SMALL", "BLURRED", "TOO_DARK"];
    for (expected, (code, issues)) in expected.iter().zip(&found) {
        assert_eq!(*code, "POOR_QUALITY", "{expected}: {found:?}");
        assert!(issues.contains(expected), "{expected}: {found:?}");
    }
    assert_eq!(answer["person"], Value::Null);
    server.stop().await;
}

#[tokio::test]
async fn partial_faces_are_refused_with_what_is_wrong() {
    let server = TestServer::start().await;
    let client = server.client();
    let pictures = [photo("obama_partial_face.jpg"), photo("obama_partial_face2.jpg")];
    let answer = judged(&client, "barack", &pictures).await;
    // In the first, the detector takes something else for a second face.
    assert_eq!(refused(&answer), [("MULTIPLE_FACES", vec![]), ("POOR_QUALITY", vec!["CUT_OFF"])]);
    server.stop().await;
}

#[tokio::test]
async fn png_with_transparency_is_read_as_any_other() {
    let server = TestServer::start().await;
    let client = server.client();
    let answer = judged(&client, "somebody", &[photo("32bit.png")]).await;
    let outcome: Vec<&str> = refused(&answer).iter().map(|(code, _)| *code).collect();
    assert!(outcome.is_empty() || outcome == ["POOR_QUALITY"], "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn thresholds_are_settings() {
    let small = Canvas::photo("obama.jpg").reduced(480).reduced(110).file();
    let lax = [
        ("FACEQL_LEAST_SIZE", "0"),
        ("FACEQL_LEAST_SHARPNESS", "0"),
        ("FACEQL_LEAST_CONFIDENCE", "0"),
        ("FACEQL_LEAST_FRONTALITY", "0"),
        ("FACEQL_LEAST_CONTRAST", "0"),
        ("FACEQL_LEAST_BRIGHTNESS", "0"),
    ];
    let server = TestServer::with_engine_of(&lax).await;
    let taken = judged(&server.client(), "barack", &[small]).await;
    assert_eq!(taken["person"]["faceCount"], 1, "{taken}");
    server.stop().await;
    let server = TestServer::with_engine_of(&[("FACEQL_LEAST_SIZE", "1")]).await;
    let small = Canvas::photo("obama.jpg").reduced(250).file();
    let refusal = judged(&server.client(), "barack", &[small]).await;
    assert_eq!(refused(&refusal), [("POOR_QUALITY", vec!["TOO_SMALL"])], "{refusal}");
    server.stop().await;
}

#[tokio::test]
async fn person_has_at_most_so_many_faces() {
    let server = TestServer::with(&[("FACEQL_FACES_PER_PERSON", "2")]).await;
    let client = server.client();
    let answer = judged(&client, "barack", &[photo("obama.jpg"), photo("obama2.jpg")]).await;
    assert_eq!(answer["person"]["faceCount"], 2);
    let third = judged(&client, "barack", &[photo("obama3.jpg"), photo("obama.jpg")]).await;
    assert_eq!(refused(&third), [("FACE_LIMIT_REACHED", vec![])]);
    assert_eq!((&third["person"]["faceCount"], &third["accepted"][0]), (&json!(2), &answer["accepted"][0]));
    // The faces that make way do not count.
    let images = [picture(&photo("obama3.jpg")), picture(&photo("obama2.jpg"))];
    let replace = json!({ "externalId": "barack", "images": images, "mode": "REPLACE" });
    let replaced = try_enroll(&client, replace).await;
    assert_eq!(replaced["data"]["enrollPerson"]["rejected"], json!([]), "{replaced}");
    server.stop().await;
}
