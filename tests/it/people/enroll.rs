//! Which images are accepted, and why others are rejected.

use serde_json::json;

use super::{consent, enroll, image, picture, try_enroll};
use crate::support::{TestServer, code};

#[tokio::test]
async fn good_images_are_accepted_and_others_rejected_with_reasons() {
    let server = TestServer::start().await;
    let client = server.client();
    let biden = enroll(&client, "joe", &["biden.jpg"]).await;
    assert_eq!(biden["accepted"].as_array().unwrap().len(), 1);
    let images = [
        image("obama.jpg"),
        image("biden.jpg"),
        picture(b"no picture at all"),
        image("obama2.jpg"),
        image("obama_partial_face2.jpg"),
    ];
    let input = json!({
        "externalId": "barack", "displayName": "Barack", "metadata": { "team": 7 }, "images": images,
        "consent": consent(),
    });
    let response = try_enroll(&client, input).await;
    let enrolled = &response["data"]["enrollPerson"];
    assert_eq!(enrolled["person"]["faceCount"], 2, "{response}");
    assert_eq!(enrolled["person"]["consent"]["reference"], "form 7");
    let rejected = enrolled["rejected"].as_array().unwrap();
    let codes: Vec<_> = rejected.iter().map(|one| (one["index"].clone(), one["code"].clone())).collect();
    assert_eq!(codes[0], (json!(1), json!("DUPLICATE_PERSON")), "{rejected:?}");
    assert_eq!(rejected[0]["conflictingPerson"]["externalId"], "joe");
    assert_eq!(codes[1], (json!(2), json!("UNSUPPORTED_IMAGE")));
    assert_eq!(codes.len(), 3, "{rejected:?}");
    server.stop().await;
}

#[tokio::test]
async fn no_person_is_created_without_a_good_image_and_consent() {
    let server = TestServer::start().await;
    let client = server.client();
    let response = try_enroll(&client, json!({ "externalId": "joe", "images": [image("biden.jpg")] })).await;
    assert_eq!(code(&response), "CONSENT_REQUIRED");
    let input = json!({ "externalId": "joe", "images": [picture(b"nothing")], "consent": consent() });
    let response = try_enroll(&client, input).await;
    assert!(response["data"]["enrollPerson"]["person"].is_null(), "{response}");
    let people = client.data("{ people { nodes { id } totalCount } galleries { name } }", json!({})).await;
    assert_eq!(people, json!({ "people": { "nodes": [], "totalCount": 0 }, "galleries": [] }));
    server.stop().await;
}
