//! The meaning of a score, and which face of an image is compared.

use serde_json::{Value, json};

use super::{enroll, identify, identify_picture, image, person, picture};
use crate::support::{Canvas, Client, TestServer, drawn, photo};

const FACES: &str = "mutation($input: IdentifyFacesInput!) { identifyFaces(input: $input) { searchedFaces faces {
    face { box { width height } } candidates { person { externalId } match { decision distance similarity } } } } }";

async fn identify_faces(client: &Client, bytes: &[u8], max_faces: usize) -> Value {
    let input = json!({ "image": picture(bytes), "maxFaces": max_faces });
    client.data(FACES, json!({ "input": input })).await["identifyFaces"].take()
}

/// Checks a score: similarity and decision follow from the distance and the standard pack's thresholds.
fn check(score: &Value, matched: f64, possible: f64) {
    let (distance, similarity) = (score["distance"].as_f64().unwrap(), score["similarity"].as_f64().unwrap());
    let expected = 1.0 / (1.0 + (10.0 * (distance - 0.6)).exp());
    assert!((similarity - expected).abs() < 1e-5, "{score}");
    let decision = match distance {
        near if near <= matched => "MATCH",
        near if near <= possible => "POSSIBLE",
        _ => "NO_MATCH",
    };
    assert_eq!(score["decision"], decision, "{score}");
}

#[tokio::test]
async fn decisions_follow_from_the_packs_thresholds() {
    let server = TestServer::start().await;
    let client = server.client();
    enroll(&client, "barack", &["obama.jpg"]).await;
    enroll(&client, "joe", &["biden.jpg"]).await;
    for name in ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"] {
        let found = identify(&client, name, json!({ "minSimilarity": 0 })).await;
        assert_eq!(found["candidates"].as_array().unwrap().len(), 2);
        found["candidates"].as_array().unwrap().iter().for_each(|one| check(&one["match"], 0.5, 0.6));
        let query = "mutation($input: VerifyPersonInput!) { verifyPerson(input: $input) {
            match { decision similarity distance } } }";
        let input = json!({ "person": { "key": { "externalId": "barack" } }, "image": image(name) });
        check(&client.data(query, json!({ "input": input })).await["verifyPerson"]["match"], 0.6, 0.65);
    }
    // A limit between two candidates leaves only the nearer one, and a limit equal to a score includes it.
    let all = identify(&client, "obama2.jpg", json!({ "minSimilarity": 0 })).await["candidates"].take();
    let nearest = all[0]["match"]["similarity"].clone();
    let some = identify(&client, "obama2.jpg", json!({ "minSimilarity": nearest })).await;
    assert_eq!(some["candidates"], json!([all[0]]));
    assert_eq!(identify(&client, "obama2.jpg", json!({ "minSimilarity": 1 })).await["candidates"], json!([]));
    server.stop().await;
}

#[tokio::test]
async fn candidates_are_people_each_with_the_nearest_face() {
    let server = TestServer::start().await;
    let client = server.client();
    let barack = enroll(&client, "barack", &["obama.jpg", "obama2.jpg", "obama3.jpg"]).await;
    enroll(&client, "joe", &["biden.jpg"]).await;
    let found = identify(&client, "obama2.jpg", json!({ "topK": 100, "minSimilarity": 0 })).await;
    let people: Vec<&str> = found["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["person"]["externalId"].as_str().unwrap())
        .collect();
    assert_eq!((people, &found["searchedFaces"]), (vec!["barack", "joe"], &json!(4)));
    assert_eq!(found["candidates"][0]["face"]["id"], barack["accepted"][1]["id"]);
    assert!(found["candidates"][0]["match"]["distance"].as_f64().unwrap() < 1e-3);
    let first = identify(&client, "obama2.jpg", json!({ "topK": 1, "minSimilarity": 0 })).await;
    assert_eq!(first["candidates"].as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn person_without_faces_is_never_found() {
    let server = TestServer::start().await;
    let client = server.client();
    let face = enroll(&client, "barack", &["obama.jpg"]).await["accepted"][0]["id"].take();
    let delete = "mutation($id: ID!) { deleteFace(input: {faceId: $id}) { person { faceCount quality faces { id } } } }";
    let left = client.data(delete, json!({ "id": face })).await["deleteFace"]["person"].take();
    assert_eq!(left, json!({ "faceCount": 0, "quality": null, "faces": [] }));
    let found = identify(&client, "obama.jpg", json!({ "minSimilarity": 0 })).await;
    assert_eq!((&found["candidates"], &found["searchedFaces"]), (&json!([]), &json!(0)));
    let verify =
        "mutation($input: VerifyPersonInput!) { verifyPerson(input: $input) { match { decision } } }";
    let input = json!({ "person": { "key": { "externalId": "barack" } }, "image": image("obama.jpg") });
    assert_eq!(client.refusal(verify, json!({ "input": input })).await, "NOT_FOUND");
    let galleries = client.data("{ galleries { personCount faceCount } }", json!({})).await;
    assert_eq!(galleries["galleries"], json!([{ "personCount": 1, "faceCount": 0 }]));
    // The person still exists and can be enrolled again without another consent.
    enroll(&client, "barack", &["obama2.jpg"]).await;
    assert_eq!(person(&client, "barack").await["faceCount"], 1);
    server.stop().await;
}

#[tokio::test]
async fn largest_face_is_used_if_it_is_four_times_as_large_as_the_next() {
    let server = TestServer::start().await;
    let client = server.client();
    enroll(&client, "barack", &["obama.jpg"]).await;
    let (barack, joe) = (Canvas::photo("obama.jpg").reduced(440), Canvas::photo("biden.jpg"));
    let one = "mutation($input: IdentifyPersonInput!) { identifyPerson(input: $input) {
        candidates { person { externalId } } } }";
    let mut outcomes = Vec::new();
    for width in [130, 170, 210, 300] {
        let group = joe.reduced(width).beside(&barack).file();
        let faces = identify_faces(&client, &group, 20).await["faces"].take();
        let area = |at: usize| {
            let face = &faces[at]["face"]["box"];
            face["width"].as_f64().unwrap() * face["height"].as_f64().unwrap()
        };
        assert_eq!(faces.as_array().unwrap().len(), 2, "{width}: {faces}");
        let answer = client.send(one, json!({ "input": { "image": picture(&group) } })).await;
        let clear = area(0) >= 4.0 * area(1);
        outcomes.push(clear);
        if clear {
            let who = &answer["data"]["identifyPerson"]["candidates"][0]["person"]["externalId"];
            assert_eq!(who, "barack", "{width}: {answer}");
        } else {
            assert_eq!(crate::support::code(&answer), "MULTIPLE_FACES", "{width}");
        }
    }
    assert!(outcomes.contains(&true) && outcomes.contains(&false), "{outcomes:?}");
    server.stop().await;
}

#[tokio::test]
async fn every_face_of_a_group_is_identified_largest_first() {
    let server = TestServer::start().await;
    let client = server.client();
    enroll(&client, "joe", &["biden.jpg"]).await;
    enroll(&client, "barack", &["obama.jpg"]).await;
    let (barack, joe) = (Canvas::photo("obama2.jpg").reduced(300), Canvas::photo("biden.jpg").reduced(440));
    let group = barack.beside(&joe).file();
    let found = identify_faces(&client, &group, 20).await;
    let faces = found["faces"].as_array().unwrap();
    let mut named: Vec<(f64, &Value)> = faces
        .iter()
        .map(|one| {
            let face = &one["face"]["box"];
            let area = face["width"].as_f64().unwrap() * face["height"].as_f64().unwrap();
            (area, &one["candidates"][0]["person"]["externalId"])
        })
        .collect();
    assert!(named.is_sorted_by(|left, right| left.0 >= right.0), "{named:?}");
    named.sort_by_key(|one| one.1.as_str().unwrap_or_default().to_owned());
    let people: Vec<&Value> = named.iter().map(|one| one.1).collect();
    assert_eq!((people, &found["searchedFaces"]), (vec![&json!("barack"), &json!("joe")], &json!(2)));
    let largest = identify_faces(&client, &group, 1).await;
    assert_eq!(largest["faces"], json!([faces[0]]));
    let nobody = json!({ "input": { "image": picture(&drawn(1)) } });
    assert_eq!(client.refusal(FACES, nobody).await, "NO_FACE");
    server.stop().await;
}

#[tokio::test]
async fn search_in_an_empty_gallery_has_no_candidates() {
    let server = TestServer::start().await;
    let answer = identify_picture(&server.client(), &photo("obama.jpg"), "nowhere").await;
    assert_eq!(answer, json!({ "searchedFaces": 0, "candidates": [] }));
    server.stop().await;
}
