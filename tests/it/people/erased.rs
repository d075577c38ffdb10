//! Deleted data disappears from every search immediately, and from every file soon afterwards.

use std::collections::HashSet;

use entity::{encoding, face, template};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::{delete_person, enroll, identify, image, plant, try_enroll};
use crate::support::server::files;
use crate::support::socket::settle;
use crate::support::{TestServer, photo};

/// The length of the pieces of a vector that are searched for in the files.
const PIECE: usize = 8;

/// A server without pending erasure: whatever it erases later is due to a deletion of the test.
async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.people.database.erase_due().await.unwrap();
    server
}

fn pieces(vectors: &[Vec<u8>]) -> HashSet<[u8; PIECE]> {
    vectors.iter().flat_map(|vector| vector.as_chunks::<PIECE>().0).copied().collect()
}

/// The number of pieces of `vectors` that are still in the server's files, after it erased what was due.
async fn left(server: &TestServer, vectors: &[Vec<u8>]) -> usize {
    server.people.database.erase_due().await.unwrap();
    there(server, vectors)
}

fn there(server: &TestServer, vectors: &[Vec<u8>]) -> usize {
    let wanted = pieces(vectors);
    // A file that disappears meanwhile contains nothing any more.
    let content: Vec<Vec<u8>> =
        files(server.folder()).iter().filter_map(|path| std::fs::read(path).ok()).collect();
    let found = content.iter().flat_map(|content| content.windows(PIECE));
    found.filter_map(|window| wanted.get(window)).collect::<HashSet<_>>().len()
}

async fn templates(server: &TestServer) -> Vec<Vec<u8>> {
    let rows = template::Entity::find().all(server.people.database.reader()).await.unwrap();
    rows.into_iter().map(|row| row.vector).collect()
}

#[tokio::test]
async fn deleted_person_is_in_no_search_result_and_no_file() {
    let server = server().await;
    let client = server.client();
    enroll(&client, "barack", &["obama.jpg", "obama2.jpg"]).await;
    let vectors = templates(&server).await;
    assert_eq!(there(&server, &vectors), pieces(&vectors).len());
    delete_person(&client, "barack").await;
    let found = identify(&client, "obama.jpg", json!({ "minSimilarity": 0 })).await;
    assert_eq!((&found["candidates"], &found["searchedFaces"]), (&json!([]), &json!(0)));
    assert_eq!(left(&server, &vectors).await, 0);
    server.stop().await;
}

#[tokio::test]
async fn deleted_and_replaced_faces_are_in_no_file() {
    let server = server().await;
    let client = server.client();
    let enrolled = enroll(&client, "barack", &["obama.jpg", "obama2.jpg"]).await;
    let vectors = templates(&server).await;
    let faces = face::Entity::find().all(server.people.database.reader()).await.unwrap();
    let delete = "mutation($id: ID!) { deleteFace(input: {faceId: $id}) { person { faceCount } } }";
    client.data(delete, json!({ "id": enrolled["accepted"][0]["id"] })).await;
    let (kept, gone): (Vec<_>, Vec<_>) = {
        let now = templates(&server).await;
        vectors.iter().cloned().partition(|vector| now.contains(vector))
    };
    assert_eq!((kept.len(), gone.len(), faces.len()), (1, 1, 2));
    assert_eq!((left(&server, &gone).await, there(&server, &kept)), (0, pieces(&kept).len()));
    let replace = json!({ "externalId": "barack", "images": [image("obama3.jpg")], "mode": "REPLACE" });
    assert_eq!(try_enroll(&client, replace).await["data"]["enrollPerson"]["person"]["faceCount"], 1);
    assert_eq!(left(&server, &vectors).await, 0);
    server.stop().await;
}

#[tokio::test]
async fn vectors_of_people_deleted_from_among_many_are_in_no_file() {
    let server = server().await;
    let client = server.client();
    let mut vectors = Vec::new();
    for number in 0..120 {
        vectors.push(plant(&server, "default", &number.to_string(), None).await);
    }
    let mut gone = Vec::new();
    // 77 is coprime to 120, so each person is deleted once, in no particular order.
    for turn in 0..90 {
        let number = turn * 77 % 120;
        delete_person(&client, &number.to_string()).await;
        gone.push(vectors[number].clone());
        if turn % 30 == 29 {
            assert_eq!(left(&server, &gone).await, 0, "after {turn}");
        }
    }
    let kept: Vec<Vec<u8>> = vectors.into_iter().filter(|vector| !gone.contains(vector)).collect();
    assert_eq!(there(&server, &kept), pieces(&kept).len());
    server.stop().await;
}

#[tokio::test]
async fn encodings_of_a_deleted_container_are_in_no_file() {
    let server = server().await;
    let client = server.client();
    let container = client.create_container().await;
    client.upload(&container, photo("obama.jpg")).await;
    settle(&server, &container, 1).await;
    let rows = encoding::Entity::find().all(server.people.database.reader()).await.unwrap();
    let vectors: Vec<Vec<u8>> = rows.into_iter().map(|row| row.vector).collect();
    assert_eq!(there(&server, &vectors), pieces(&vectors).len());
    client.delete_container(&container).await;
    assert_eq!(left(&server, &vectors).await, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_former_name_is_in_no_file() {
    let server = server().await;
    let client = server.client();
    plant(&server, "default", "joe", None).await;
    let rename = "mutation($name: String) {
        updatePerson(input: {person: {key: {externalId: \"joe\"}}, displayName: $name}) { person { id } } }";
    client.data(rename, json!({ "name": "Formerly-Known-As" })).await;
    let former = vec![b"merly-kn".to_vec(), b"merly-Kn".to_vec()];
    assert_eq!(there(&server, &former), 2);
    client.data(rename, json!({ "name": Value::Null })).await;
    assert_eq!(left(&server, &former).await, 0);
    server.stop().await;
}
