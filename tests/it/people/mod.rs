//! People enrolled, recognised and forgotten, with the real models and the photos of the set-up: `obama`, `obama2` and
//! `obama3` are one person, `biden` is another.

mod enroll;
mod recognize;
mod sessions;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Client, photo};

const PERSON: &str = "person { id gallery externalId displayName metadata faceCount quality
    consent { grantedAt reference } faces { id models { name } quality { overall issues } } }";

/// A photo as an `ImageInput`.
fn image(name: &str) -> Value {
    picture(&photo(name))
}

/// Bytes as an `ImageInput`.
fn picture(bytes: &[u8]) -> Value {
    json!({ "base64": STANDARD.encode(bytes) })
}

fn consent() -> Value {
    json!({ "grantedAt": "2026-01-31T12:00:00Z", "reference": "form 7" })
}

/// The whole response of `enrollPerson`.
async fn try_enroll(client: &Client, input: Value) -> Value {
    let query = format!(
        "mutation($input: EnrollPersonInput!) {{ enrollPerson(input: $input) {{ {PERSON} accepted {{ id }}
            rejected {{ index code message issues conflictingPerson {{ externalId }} }} }} }}"
    );
    client.send(&query, json!({ "input": input })).await
}

/// Enrolls the photos of `names` as `external_id`, with consent; what `enrollPerson` answers.
async fn enroll(client: &Client, external_id: &str, names: &[&str]) -> Value {
    let images: Vec<Value> = names.iter().map(|name| image(name)).collect();
    let input = json!({ "externalId": external_id, "images": images, "consent": consent() });
    let mut response = try_enroll(client, input).await;
    assert!(response.get("errors").is_none(), "{response}");
    response["data"]["enrollPerson"].take()
}

/// What `identifyPerson` answers about a photo.
async fn identify(client: &Client, name: &str, more: Value) -> Value {
    let query = "mutation($input: IdentifyPersonInput!) { identifyPerson(input: $input) {
        searchedFaces face { confidence }
        candidates { person { externalId } face { id } match { similarity distance decision } } } }";
    let mut input = json!({ "image": image(name) });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.data(query, json!({ "input": input })).await["identifyPerson"].take()
}
