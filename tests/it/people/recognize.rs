//! Identification and verification.

use serde_json::json;

use super::{enroll, identify, image};
use crate::support::TestServer;

#[tokio::test]
async fn a_third_photo_is_identified_and_an_unknown_person_is_not() {
    let server = TestServer::start().await;
    let client = server.client();
    enroll(&client, "barack", &["obama.jpg", "obama2.jpg"]).await;
    let found = identify(&client, "obama3.jpg", json!({})).await;
    assert_eq!(found["searchedFaces"], 2);
    assert_eq!(found["candidates"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["candidates"][0]["person"]["externalId"], "barack");
    assert_eq!(found["candidates"][0]["match"]["decision"], "MATCH", "{found}");
    let stranger = identify(&client, "biden.jpg", json!({})).await;
    assert_eq!(stranger["candidates"], json!([]));
    let shown = identify(&client, "biden.jpg", json!({ "minSimilarity": 0 })).await;
    assert_eq!(shown["candidates"][0]["match"]["decision"], "NO_MATCH");
    server.stop().await;
}

#[tokio::test]
async fn a_person_is_verified_and_two_images_are_compared() {
    let server = TestServer::start().await;
    let client = server.client();
    enroll(&client, "barack", &["obama.jpg"]).await;
    let verify = "mutation($input: VerifyPersonInput!) { verifyPerson(input: $input) {
        person { externalId } match { decision similarity distance } face { confidence } } }";
    let mut decisions = Vec::new();
    for name in ["obama2.jpg", "biden.jpg"] {
        let input = json!({ "person": { "key": { "externalId": "barack" } }, "image": image(name) });
        let answer = client.data(verify, json!({ "input": input })).await;
        decisions.push(answer["verifyPerson"]["match"]["decision"].clone());
    }
    assert_eq!(decisions, ["MATCH", "NO_MATCH"]);
    let compare = "mutation($input: CompareFacesInput!) { compareFaces(input: $input) {
        match { decision } sourceFace { confidence } targetFace { confidence } } }";
    let input = json!({ "source": image("obama.jpg"), "target": image("obama3.jpg") });
    let answer = client.data(compare, json!({ "input": input })).await;
    assert_eq!(answer["compareFaces"]["match"]["decision"], "MATCH");
    server.stop().await;
}
