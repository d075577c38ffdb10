//! The real binary, killed while it enrolls, replaces and deletes: afterwards it has either the state before or the
//! state after the operation.

use std::time::Duration;

use entity::{face, template};
use faceql::app::App;
use faceql::clock::Clock;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::{consent, identify, image, person};
use crate::support::Client;
use crate::support::binary::Binary;
use crate::support::engine::Script;
use crate::support::server::{config, files};

const ROUNDS: u64 = 5;
/// Faces after an enrollment, a replacement and a deletion.
const FACES: [usize; 3] = [2, 1, 0];
const SETTINGS: [(&str, &str); 2] = [("FACEQL_RETAIN_CHIPS", "false"), ("FACEQL_DURABLE", "false")];

/// Does the next step with the person; `None` when the server is gone.
async fn act(client: &Client, step: usize) -> Option<Value> {
    let (query, variables) = match step % 3 {
        2 => {
            let key = json!({ "key": { "externalId": "barack" } });
            let query =
                "mutation($input: DeletePersonInput!) { deletePerson(input: $input) { deletedFaceCount } }";
            (query, json!({ "input": { "person": key } }))
        }
        step => {
            let (images, mode) = match step {
                0 => (vec![image("obama.jpg"), image("obama2.jpg")], "ADD"),
                _ => (vec![image("obama3.jpg")], "REPLACE"),
            };
            let input =
                json!({ "externalId": "barack", "images": images, "consent": consent(), "mode": mode });
            (
                "mutation($input: EnrollPersonInput!) { enrollPerson(input: $input) { rejected { code } } }",
                json!({ "input": input }),
            )
        }
    };
    let body = json!({ "query": query, "variables": variables });
    let answer = client.post().json(&body).send().await.ok()?.bytes().await.ok()?;
    serde_json::from_slice(&answer).ok()
}

#[tokio::test]
async fn killed_at_any_moment_it_has_the_old_state_or_the_new() {
    let folder = tempfile::tempdir().unwrap();
    let mut done = 0;
    for round in 0..=ROUNDS {
        let mut binary = Binary::serve(folder.path(), &SETTINGS).await;
        done = check(&binary.client, done).await;
        if round == ROUNDS {
            assert!(binary.terminate().success());
            break;
        }
        let client = binary.client.clone();
        let acting = tokio::spawn(async move {
            while let Some(answer) = act(&client, done).await {
                assert!(answer.get("errors").is_none(), "{answer}");
                done += 1;
            }
            done
        });
        // The moment varies, since it is what is being tested: 20 to 900 ms, in no order.
        tokio::time::sleep(Duration::from_millis(20 + round * 7919 % 880)).await;
        binary.kill();
        done = acting.await.unwrap();
    }
    assert!(done > 0, "no step was ever completed");
    let left = config(folder.path(), &[]);
    let app = App::new(left, Clock::system(), Script::failing(0).encoder().await).await.unwrap();
    let reader = app.database().reader();
    let faces = face::Entity::find().all(reader).await.unwrap();
    let templates = template::Entity::find().all(reader).await.unwrap();
    assert_eq!(templates.len(), faces.len());
    assert!(templates.iter().all(|template| faces.iter().any(|face| face.id == template.face_id)));
    assert!(files(&folder.path().join("blobs")).is_empty());
}

/// Checks that the server has the state after `done` steps, or after the step that was interrupted. Returns which.
async fn check(client: &Client, done: usize) -> usize {
    let count = |done: usize| if done == 0 { 0 } else { FACES[(done - 1) % 3] };
    let person = person(client, "barack").await;
    let faces = person["faceCount"].as_u64().map_or(0, |faces| usize::try_from(faces).unwrap());
    assert!(faces == count(done) || faces == count(done + 1), "{faces} faces after {done} steps");
    assert_eq!(person.is_null(), faces == 0);
    let found = identify(client, "obama.jpg", json!({ "minSimilarity": 0 })).await;
    assert_eq!(found["searchedFaces"], faces, "{found}");
    assert_eq!(found["candidates"].as_array().unwrap().len(), usize::from(faces > 0));
    if faces == count(done) { done } else { done + 1 }
}
