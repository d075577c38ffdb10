//! Galleries and tenants: no data crosses, and another tenant's people seem not to exist.

use serde_json::{Value, json};

use super::{consent, identify_picture, image, try_enroll};
use crate::access::tenants::{ACME, OTHER, READER, server};
use crate::support::client::text;
use crate::support::{Client, TestServer, code, photo};

/// Enrolls a photo as `same` with an idempotency key.
async fn enroll(client: &Client, gallery: &str, name: &str, key: &str) -> Value {
    let input = json!({
        "gallery": gallery, "externalId": "same", "images": [image(name)], "consent": consent(), "idempotencyKey": key,
    });
    let mut response = try_enroll(client, input).await;
    assert!(response.get("errors").is_none(), "{response}");
    response["data"]["enrollPerson"].take()
}

/// The candidates' external ids, and how many faces were searched.
async fn known(client: &Client, gallery: &str, name: &str) -> (usize, Value) {
    let answer = identify_picture(client, &photo(name), gallery).await;
    (answer["candidates"].as_array().unwrap().len(), answer["searchedFaces"].clone())
}

#[tokio::test]
async fn one_external_id_is_a_different_person_in_each_gallery() {
    let server = TestServer::start().await;
    let client = server.client();
    // Neither the id nor the face is known in the other gallery.
    let ours = enroll(&client, "ours", "obama.jpg", "1").await;
    let theirs = enroll(&client, "theirs", "obama.jpg", "2").await;
    assert_eq!((&ours["rejected"], &theirs["rejected"]), (&json!([]), &json!([])));
    assert_ne!(ours["person"]["id"], theirs["person"]["id"]);
    assert_eq!(known(&client, "ours", "obama2.jpg").await, (1, json!(1)));
    assert_eq!(known(&client, "nowhere", "obama2.jpg").await, (0, json!(0)));
    let delete = "mutation($gallery: String!) {
        deletePerson(input: {person: {key: {gallery: $gallery, externalId: \"same\"}}}) { deletedPersonId } }";
    let deleted = client.data(delete, json!({ "gallery": "ours" })).await;
    assert_eq!(deleted["deletePerson"]["deletedPersonId"], ours["person"]["id"]);
    assert_eq!(client.refusal(delete, json!({ "gallery": "ours" })).await, "NOT_FOUND");
    assert_eq!(known(&client, "ours", "obama2.jpg").await, (0, json!(0)));
    assert_eq!(known(&client, "theirs", "obama2.jpg").await, (1, json!(1)));
    server.stop().await;
}

#[tokio::test]
async fn tenants_share_neither_faces_nor_names_nor_keys() {
    let server = server().await;
    let (acme, other) = (server.client_with_key(ACME), server.client_with_key(OTHER));
    let mine = enroll(&acme, "default", "obama.jpg", "key").await;
    assert_eq!(known(&other, "default", "obama.jpg").await, (0, json!(0)));
    // The same face, id and key with another image are neither a duplicate nor a conflict.
    let theirs = enroll(&other, "default", "obama2.jpg", "key").await;
    assert_eq!(theirs["rejected"], json!([]));
    assert_ne!(mine["person"]["id"], theirs["person"]["id"]);
    assert_eq!(known(&acme, "default", "obama3.jpg").await, (1, json!(1)));
    let galleries = "{ galleries { personCount faceCount } people { totalCount } }";
    let one = json!({ "galleries": [{ "personCount": 1, "faceCount": 1 }], "people": { "totalCount": 1 } });
    assert_eq!(acme.data(galleries, json!({})).await, one);
    assert_eq!(other.data(galleries, json!({})).await, one);
    server.stop().await;
}

#[tokio::test]
async fn another_tenants_person_is_not_found_by_any_request() {
    let server = server().await;
    let (acme, other) = (server.client_with_key(ACME), server.client_with_key(OTHER));
    let mine = enroll(&acme, "default", "obama.jpg", "key").await;
    let (person, face) = (text(&mine["person"]["id"]), text(&mine["accepted"][0]["id"]));
    let lookups =
        "query($p: ID!, $f: ID!) { p: node(id: $p) { id } f: node(id: $f) { id } nodes(ids: [$p, $f]) { id }
        person(by: {id: $p}) { id } people(search: \"s\") { nodes { id } totalCount } galleries { name } }";
    let nothing = json!({ "p": null, "f": null, "nodes": [null, null], "person": null,
        "people": { "nodes": [], "totalCount": 0 }, "galleries": [] });
    let ids = json!({ "p": person, "f": face });
    assert_eq!(other.data(lookups, ids.clone()).await, nothing);
    let key = json!({ "key": { "externalId": "same" } });
    for who in [json!({ "id": person }), key] {
        for (mutation, more) in [
            ("verifyPerson", json!({ "image": image("obama.jpg") })),
            ("updatePerson", json!({ "displayName": "mine" })),
            ("deletePerson", json!({})),
        ] {
            let mut input = json!({ "person": who });
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
            let query = format!("mutation($input: {kind}!) {{ {mutation}(input: $input) {{ __typename }} }}");
            assert_eq!(other.refusal(&query, json!({ "input": input })).await, "NOT_FOUND", "{mutation}");
        }
    }
    let delete = "mutation($f: ID!) { deleteFace(input: {faceId: $f}) { deletedFaceId } }";
    assert_eq!(other.refusal(delete, json!({ "f": face })).await, "NOT_FOUND");
    assert_eq!(acme.data(lookups, ids).await["p"]["id"], person);
    assert_eq!(known(&acme, "default", "obama2.jpg").await, (1, json!(1)));
    server.stop().await;
}

#[tokio::test]
async fn read_only_key_cannot_change_people() {
    let server = server().await;
    let (acme, reader) = (server.client_with_key(ACME), server.client_with_key(READER));
    let mine = enroll(&acme, "default", "obama.jpg", "key").await;
    assert_eq!(known(&reader, "default", "obama2.jpg").await, (1, json!(1)));
    let input = json!({ "externalId": "new", "images": [image("biden.jpg")], "consent": consent() });
    assert_eq!(code(&try_enroll(&reader, input).await), "FORBIDDEN");
    let update = "mutation($p: ID!) { updatePerson(input: {person: {id: $p}}) { person { id } } }";
    let delete = "mutation($p: ID!) { deletePerson(input: {person: {id: $p}}) { deletedPersonId } }";
    let face = "mutation($p: ID!) { deleteFace(input: {faceId: $p}) { deletedFaceId } }";
    for query in [update, delete] {
        assert_eq!(reader.refusal(query, json!({ "p": mine["person"]["id"] })).await, "FORBIDDEN");
    }
    assert_eq!(reader.refusal(face, json!({ "p": mine["accepted"][0]["id"] })).await, "FORBIDDEN");
    server.stop().await;
}
