//! Concurrent enrollments: repeated, racing, replacing.

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{consent, delete_person, enroll, identify_picture, image, person, refused, try_enroll};
use crate::support::{TestServer, code, photo};

fn input(external_id: &str, names: &[&str]) -> Value {
    let images: Vec<Value> = names.iter().map(|name| image(name)).collect();
    json!({ "externalId": external_id, "images": images, "consent": consent() })
}

#[tokio::test]
async fn racing_enrollments_of_one_external_id_create_one_person() {
    let server = TestServer::start().await;
    let client = server.client();
    let one = |name: &'static str| {
        let client = server.client();
        async move { try_enroll(&client, input("barack", &[name])).await }
    };
    let (a, b, c) = tokio::join!(one("obama.jpg"), one("obama2.jpg"), one("obama3.jpg"));
    for response in [&a, &b, &c] {
        assert_eq!(response["data"]["enrollPerson"]["rejected"], json!([]), "{response}");
        assert_eq!(
            response["data"]["enrollPerson"]["person"]["id"],
            a["data"]["enrollPerson"]["person"]["id"]
        );
    }
    assert_eq!(person(&client, "barack").await["faceCount"], 3);
    let galleries = client.data("{ galleries { personCount faceCount } }", json!({})).await;
    assert_eq!(galleries["galleries"], json!([{ "personCount": 1, "faceCount": 3 }]));
    server.stop().await;
}

#[tokio::test]
async fn racing_enrollments_of_one_face_as_two_people_create_one_person() {
    let server = TestServer::start().await;
    let client = server.client();
    let one = |id: &'static str, name: &'static str| {
        let client = server.client();
        async move { try_enroll(&client, input(id, &[name])).await }
    };
    let (a, b) = tokio::join!(one("a", "obama.jpg"), one("b", "obama2.jpg"));
    let people = [&a, &b].map(|response| response["data"]["enrollPerson"]["person"].is_object());
    assert!(people[0] != people[1], "{a} {b}");
    let loser = if people[0] { &b } else { &a };
    assert_eq!(refused(&loser["data"]["enrollPerson"])[0].0, "DUPLICATE_PERSON");
    assert_eq!(client.data("{ people { totalCount } }", json!({})).await["people"]["totalCount"], 1);
    server.stop().await;
}

#[tokio::test]
async fn the_same_image_does_not_create_two_faces() {
    let server = TestServer::start().await;
    let client = server.client();
    let first = enroll(&client, "barack", &["obama.jpg", "obama.jpg"]).await;
    assert_eq!(first["person"]["faceCount"], 1, "{first}");
    let second = enroll(&client, "barack", &["obama.jpg"]).await;
    assert_eq!(
        (&second["accepted"][0]["id"], &second["rejected"]),
        (&first["accepted"][0]["id"], &json!([]))
    );
    assert_eq!(second["person"]["faceCount"], 1);
    let third = enroll(&client, "barack", &["obama2.jpg", "obama.jpg", "obama2.jpg"]).await;
    assert_eq!(third["person"]["faceCount"], 2, "{third}");
    server.stop().await;
}

#[tokio::test]
async fn face_of_another_person_is_refused_with_that_persons_id() {
    let server = TestServer::start().await;
    let client = server.client();
    enroll(&client, "barack", &["obama.jpg"]).await;
    let stranger = enroll(&client, "barack", &["biden.jpg"]).await;
    assert_eq!(refused(&stranger), [("DIFFERENT_PERSON", vec![])]);
    assert_eq!(stranger["person"]["faceCount"], 1);
    let known = enroll(&client, "somebody", &["obama2.jpg"]).await;
    assert_eq!((refused(&known), &known["person"]), (vec![("DUPLICATE_PERSON", vec![])], &Value::Null));
    assert_eq!(known["rejected"][0]["conflictingPerson"]["externalId"], "barack");
    // Within one request the first good image determines the person.
    let mixed = enroll(&client, "joe", &["biden.jpg", "obama3.jpg"]).await;
    assert_eq!((refused(&mixed)[0].0, &mixed["person"]["faceCount"]), ("DUPLICATE_PERSON", &json!(1)));
    server.stop().await;
}

#[tokio::test]
async fn repeated_key_returns_the_first_result_with_its_refusals() {
    let server = TestServer::start().await;
    let client = server.client();
    let mut input = input("barack", &["obama.jpg", "32bit.png", "obama2.jpg"]);
    input["images"][1] = super::picture(b"no picture");
    input["idempotencyKey"] = json!("once");
    let first = try_enroll(&client, input.clone()).await;
    assert_eq!(first["data"]["enrollPerson"]["rejected"][0]["code"], "UNSUPPORTED_IMAGE", "{first}");
    assert_eq!(try_enroll(&client, input.clone()).await, first);
    // The person has changed since; the accepted and rejected images have not.
    enroll(&client, "barack", &["obama3.jpg"]).await;
    let later = try_enroll(&client, input.clone()).await["data"]["enrollPerson"].take();
    for field in ["accepted", "rejected"] {
        assert_eq!(later[field], first["data"]["enrollPerson"][field]);
    }
    assert_eq!(later["person"]["faceCount"], 3);
    for (field, value) in [("displayName", json!("B")), ("mode", json!("REPLACE")), ("gallery", json!("x"))] {
        let mut other = input.clone();
        other[field] = value;
        assert_eq!(code(&try_enroll(&client, other).await), "CONFLICT", "{field}");
    }
    input["images"].as_array_mut().unwrap().swap(0, 2);
    assert_eq!(code(&try_enroll(&client, input.clone()).await), "CONFLICT");
    for key in ["", &"k".repeat(256)] {
        input["idempotencyKey"] = json!(key);
        assert_eq!(code(&try_enroll(&client, input.clone()).await), "BAD_USER_INPUT");
    }
    server.stop().await;
}

#[tokio::test]
async fn two_concurrent_requests_with_one_key_are_one_enrollment() {
    let server = TestServer::start().await;
    let mut input = input("barack", &["obama.jpg"]);
    input["idempotencyKey"] = json!("once");
    let (one, two) = (server.client(), server.client());
    let (one, two) = tokio::join!(try_enroll(&one, input.clone()), try_enroll(&two, input));
    assert_eq!(one, two);
    assert!(one["data"]["enrollPerson"]["accepted"][0]["id"].is_string(), "{one}");
    server.stop().await;
}

#[tokio::test]
async fn identification_during_a_replacement_finds_the_old_faces_or_the_new() {
    let server = TestServer::start().await;
    let client = server.client();
    let old = enroll(&client, "barack", &["obama.jpg", "obama2.jpg"]).await["accepted"].take();
    let (over, watching) = watch::channel(false);
    let looker = server.client();
    let looking = tokio::spawn(async move {
        let mut seen = Vec::new();
        while !*watching.borrow() {
            let answer = identify_picture(&looker, &photo("obama.jpg"), "default").await;
            seen.push((
                answer["searchedFaces"].clone(),
                answer["candidates"][0]["person"]["externalId"].clone(),
            ));
        }
        seen
    });
    for names in [["obama3.jpg"].as_slice(), &["obama.jpg", "obama2.jpg"], &["obama3.jpg"]] {
        let mut input = input("barack", names);
        input["mode"] = json!("REPLACE");
        let replaced = try_enroll(&client, input).await;
        assert_eq!(replaced["data"]["enrollPerson"]["person"]["faceCount"], names.len(), "{replaced}");
    }
    over.send_replace(true);
    let seen = looking.await.unwrap();
    assert!(!seen.is_empty());
    assert!(seen.iter().all(|(faces, who)| (*faces == 1 || *faces == 2) && *who == "barack"), "{seen:?}");
    let node = "query($id: ID!) { node(id: $id) { id } }";
    assert_eq!(client.data(node, json!({ "id": old[0]["id"] })).await["node"], Value::Null);
    server.stop().await;
}

#[tokio::test]
async fn replacement_without_a_good_image_changes_nothing() {
    let server = TestServer::start().await;
    let client = server.client();
    let old = enroll(&client, "barack", &["obama.jpg"]).await;
    enroll(&client, "joe", &["biden.jpg"]).await;
    let mut input = input("barack", &["biden.jpg"]);
    (input["mode"], input["displayName"]) = (json!("REPLACE"), json!("changed"));
    let refusal = try_enroll(&client, input).await["data"]["enrollPerson"].take();
    assert_eq!(refused(&refusal), [("DUPLICATE_PERSON", vec![])]);
    assert_eq!(refusal["person"], old["person"]);
    server.stop().await;
}

#[tokio::test]
async fn key_of_a_deleted_person_can_be_reused() {
    let server = TestServer::start().await;
    let client = server.client();
    let mut input = input("barack", &["obama.jpg"]);
    input["idempotencyKey"] = json!("once");
    let first = try_enroll(&client, input.clone()).await;
    delete_person(&client, "barack").await;
    let second = try_enroll(&client, input).await;
    let id = |response: &Value| response["data"]["enrollPerson"]["person"]["id"].as_str().map(str::to_owned);
    assert!(id(&second).is_some() && id(&second) != id(&first), "{first} {second}");
    server.stop().await;
}
