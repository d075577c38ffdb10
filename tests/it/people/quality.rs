//! Whether an image shows exactly one face, with sufficient quality.

use serde_json::{Value, json};

use super::{consent, picture, refused, try_enroll};
use crate::support::{Canvas, Client, TestServer, drawn, photo};

/// The results for images of a new person.
async fn judged(client: &Client, external_id: &str, pictures: &[Vec<u8>]) -> Value {
    let images: Vec<Value> = pictures.iter().map(|bytes| picture(bytes)).collect();
    let input = json!({ "externalId": external_id, "images": images, "consent": consent() });
    let mut response = try_enroll(client, input).await;
    assert!(response.get("errors").is_none(), "{response}");
    response["data"]["enrollPerson"].take()
}

#[tokio::test]
async fn images_with_no_face_and_with_two_faces_are_rejected() {
    let server = TestServer::start().await;
    let client = server.client();
    let two = Canvas::photo("obama.jpg").reduced(320).beside(&Canvas::photo("biden.jpg").reduced(320)).file();
    let answer = judged(&client, "joe", &[drawn(1), two]).await;
    assert_eq!(refused(&answer), [("NO_FACE", vec![]), ("MULTIPLE_FACES", vec![])]);
    assert_eq!((&answer["person"], &answer["accepted"]), (&Value::Null, &json!([])));
    server.stop().await;
}

#[tokio::test]
async fn face_of_poor_quality_is_rejected_with_its_issues() {
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
async fn partial_faces_are_rejected_with_their_issues() {
    let server = TestServer::start().await;
    let client = server.client();
    let pictures = [photo("obama_partial_face.jpg"), photo("obama_partial_face2.jpg")];
    let answer = judged(&client, "barack", &pictures).await;
    // In the first, the detector mistakes something else for a second face.
    assert_eq!(refused(&answer), [("MULTIPLE_FACES", vec![]), ("POOR_QUALITY", vec!["CUT_OFF"])]);
    server.stop().await;
}

#[tokio::test]
async fn png_with_transparency_is_accepted_like_any_other() {
    let server = TestServer::start().await;
    let client = server.client();
    let answer = judged(&client, "somebody", &[photo("32bit.png")]).await;
    let outcome: Vec<&str> = refused(&answer).iter().map(|(code, _)| *code).collect();
    assert!(outcome.is_empty() || outcome == ["POOR_QUALITY"], "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn thresholds_are_configurable() {
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
async fn number_of_faces_of_a_person_is_limited() {
    let server = TestServer::with(&[("FACEQL_FACES_PER_PERSON", "2")]).await;
    let client = server.client();
    let answer = judged(&client, "barack", &[photo("obama.jpg"), photo("obama2.jpg")]).await;
    assert_eq!(answer["person"]["faceCount"], 2);
    let third = judged(&client, "barack", &[photo("obama3.jpg"), photo("obama.jpg")]).await;
    assert_eq!(refused(&third), [("FACE_LIMIT_REACHED", vec![])]);
    assert_eq!((&third["person"]["faceCount"], &third["accepted"][0]), (&json!(2), &answer["accepted"][0]));
    // Faces that are replaced do not count.
    let images = [picture(&photo("obama3.jpg")), picture(&photo("obama2.jpg"))];
    let replace = json!({ "externalId": "barack", "images": images, "mode": "REPLACE" });
    let replaced = try_enroll(&client, replace).await;
    assert_eq!(replaced["data"]["enrollPerson"]["rejected"], json!([]), "{replaced}");
    server.stop().await;
}
