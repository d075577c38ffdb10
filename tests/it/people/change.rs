//! Changes of a person's fields: kept, cleared and replaced.

use serde_json::{Value, json};

use super::{consent, enroll, image, person, try_enroll};
use crate::support::{Client, TestServer, code};

/// Updates the person `barack`; returns the whole response.
async fn change(client: &Client, changes: Value) -> Value {
    let query =
        "mutation($input: UpdatePersonInput!) { updatePerson(input: $input) { person { id updatedAt } } }";
    let mut input = json!({ "person": { "key": { "externalId": "barack" } } });
    input.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    client.send(query, json!({ "input": input })).await
}

#[tokio::test]
async fn absent_fields_are_kept_and_null_clears() {
    let server = TestServer::start().await;
    let client = server.client();
    enroll(&client, "barack", &["obama.jpg"]).await;
    let said = async || {
        let person = person(&client, "barack").await;
        (person["displayName"].clone(), person["metadata"].clone())
    };
    change(&client, json!({ "displayName": "Barack", "metadata": { "team": 7 } })).await;
    assert_eq!(said().await, (json!("Barack"), json!({ "team": 7 })));
    change(&client, json!({})).await;
    assert_eq!(said().await, (json!("Barack"), json!({ "team": 7 })));
    change(&client, json!({ "metadata": null })).await;
    assert_eq!(said().await, (json!("Barack"), Value::Null));
    change(&client, json!({ "displayName": null, "metadata": [] })).await;
    assert_eq!(said().await, (Value::Null, json!([])));
    server.stop().await;
}

#[tokio::test]
async fn omitted_variables_leave_a_person_unchanged() {
    let server = TestServer::start().await;
    let client = server.client();
    enroll(&client, "barack", &["obama.jpg"]).await;
    change(&client, json!({ "displayName": "Barack", "metadata": 1 })).await;
    let update = "mutation($name: String, $metadata: JSON, $consent: ConsentInput) {
        updatePerson(input: {person: {key: {externalId: \"barack\"}}, displayName: $name, metadata: $metadata,
            consent: $consent}) { person { displayName metadata } } }";
    let enrolling =
        "mutation($images: [ImageInput!]!, $name: String, $metadata: JSON, $consent: ConsentInput) {
        enrollPerson(input: {externalId: \"barack\", images: $images, displayName: $name, metadata: $metadata,
            consent: $consent}) { person { displayName metadata } rejected { code } } }";
    let kept = json!({ "displayName": "Barack", "metadata": 1 });
    assert_eq!(client.data(update, json!({})).await["updatePerson"]["person"], kept);
    let more = client.data(enrolling, json!({ "images": [image("obama2.jpg")] })).await;
    assert_eq!(more["enrollPerson"]["person"], kept);
    let cleared = json!({ "images": [image("obama3.jpg")], "name": null, "metadata": null });
    let cleared = client.data(enrolling, cleared).await;
    assert_eq!(cleared["enrollPerson"]["person"], json!({ "displayName": null, "metadata": null }));
    assert_eq!(client.refusal(update, json!({ "consent": null })).await, "BAD_USER_INPUT");
    server.stop().await;
}

#[tokio::test]
async fn consent_is_replaced_as_a_whole_and_never_cleared() {
    let server = TestServer::start().await;
    let client = server.client();
    enroll(&client, "barack", &["obama.jpg"]).await;
    let given = async || person(&client, "barack").await["consent"].take();
    assert_eq!(given().await["reference"], "form 7");
    assert_eq!(code(&change(&client, json!({ "consent": null })).await), "BAD_USER_INPUT");
    assert_eq!(given().await["reference"], "form 7");
    let later = |reference: Value| json!({ "grantedAt": "2026-02-01T00:00:00Z", "reference": reference });
    change(&client, json!({ "consent": later(json!("form 8")) })).await;
    assert_eq!(given().await["reference"], "form 8");
    let again =
        json!({ "externalId": "barack", "images": [image("obama2.jpg")], "consent": later(Value::Null) });
    try_enroll(&client, again).await;
    assert_eq!(given().await["reference"], Value::Null);
    // Without a new consent, the old one is kept.
    change(&client, json!({ "consent": consent() })).await;
    try_enroll(&client, json!({ "externalId": "barack", "images": [image("obama3.jpg")] })).await;
    assert_eq!(given().await["reference"], "form 7");
    server.stop().await;
}

#[tokio::test]
async fn every_change_updates_the_time_of_change_and_a_refusal_does_not() {
    let server = TestServer::start().await;
    let client = server.client();
    let face = enroll(&client, "barack", &["obama.jpg", "obama2.jpg"]).await["accepted"][0]["id"].take();
    let changed = async || person(&client, "barack").await["updatedAt"].as_str().unwrap().to_owned();
    let first = changed().await;
    change(&client, json!({ "displayName": "" })).await;
    try_enroll(&client, json!({ "externalId": "barack", "images": [image("biden.jpg")] })).await;
    assert_eq!(changed().await, first);
    change(&client, json!({ "displayName": "B" })).await;
    let second = changed().await;
    try_enroll(&client, json!({ "externalId": "barack", "images": [image("obama3.jpg")] })).await;
    let third = changed().await;
    let delete = "mutation($id: ID!) { deleteFace(input: {faceId: $id}) { person { updatedAt faceCount } } }";
    let left = client.data(delete, json!({ "id": face })).await["deleteFace"]["person"].take();
    assert!(first < second && second < third && *third < *left["updatedAt"].as_str().unwrap(), "{left}");
    assert_eq!(left["faceCount"], 2);
    assert_eq!(client.refusal(delete, json!({ "id": face })).await, "NOT_FOUND");
    server.stop().await;
}
