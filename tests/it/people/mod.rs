//! People enrolled, recognised and deleted, with the real models and the setup's photos: `obama`, `obama2` and `obama3`
//! show one person, `biden` another.

mod bad_input;
mod change;
mod chips;
mod enroll;
mod erased;
mod galleries;
mod idempotency;
mod killed;
mod list;
mod names;
mod quality;
mod recognize;
mod score;
mod sessions;
mod urgent;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entity::ids::{FaceId, PersonId};
use entity::name_key::NameKey;
use entity::{face, person, template};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::support::server::caller;
use crate::support::{Client, TestServer, photo};

const FIELDS: &str = "id gallery externalId displayName metadata faceCount quality
    consent { grantedAt reference } faces { id models { name } quality { overall issues } }";

/// A photo as an `ImageInput`.
pub(crate) fn image(name: &str) -> Value {
    picture(&photo(name))
}

/// Bytes as an `ImageInput`.
pub(crate) fn picture(bytes: &[u8]) -> Value {
    json!({ "base64": STANDARD.encode(bytes) })
}

pub(crate) fn consent() -> Value {
    json!({ "grantedAt": "2026-01-31T12:00:00Z", "reference": "form 7" })
}

/// The whole response of `enrollPerson`.
pub(crate) async fn try_enroll(client: &Client, input: Value) -> Value {
    let query = format!(
        "mutation($input: EnrollPersonInput!) {{ enrollPerson(input: $input) {{ person {{ {FIELDS} }} accepted {{ id }}
            rejected {{ index code message issues conflictingPerson {{ externalId }} }} }} }}"
    );
    client.send(&query, json!({ "input": input })).await
}

/// Enrolls the photos of `names` as `external_id`, with consent; returns the result of `enrollPerson`.
pub(crate) async fn enroll(client: &Client, external_id: &str, names: &[&str]) -> Value {
    let images: Vec<Value> = names.iter().map(|name| image(name)).collect();
    let input = json!({ "externalId": external_id, "images": images, "consent": consent() });
    let mut response = try_enroll(client, input).await;
    assert!(response.get("errors").is_none(), "{response}");
    response["data"]["enrollPerson"].take()
}

/// The result of `identifyPerson` for a photo.
pub(crate) async fn identify(client: &Client, name: &str, more: Value) -> Value {
    let query = "mutation($input: IdentifyPersonInput!) { identifyPerson(input: $input) {
        searchedFaces face { confidence }
        candidates { person { externalId } face { id } match { similarity distance decision } } } }";
    let mut input = json!({ "image": image(name) });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.data(query, json!({ "input": input })).await["identifyPerson"].take()
}

/// The result of `identifyPerson` for image bytes.
async fn identify_picture(client: &Client, bytes: &[u8], gallery: &str) -> Value {
    let query = "mutation($input: IdentifyPersonInput!) { identifyPerson(input: $input) {
        searchedFaces candidates { person { externalId } face { id } match { decision } } } }";
    let input = json!({ "gallery": gallery, "image": picture(bytes) });
    client.data(query, json!({ "input": input })).await["identifyPerson"].take()
}

/// The person with that external id in the default gallery, or null.
pub(crate) async fn person(client: &Client, external_id: &str) -> Value {
    let query = format!(
        "query($id: String!) {{ person(by: {{key: {{externalId: $id}}}}) {{ {FIELDS} updatedAt }} }}"
    );
    client.data(&query, json!({ "id": external_id })).await["person"].take()
}

pub(crate) async fn delete_person(client: &Client, external_id: &str) -> Value {
    let query = "mutation($id: String!) { deletePerson(input: {person: {key: {externalId: $id}}}) {
        deletedPersonId deletedFaceCount } }";
    client.data(query, json!({ "id": external_id })).await["deletePerson"].take()
}

/// The codes of the images that an enrollment rejected, each with its issues.
fn refused(enrolled: &Value) -> Vec<(&str, Vec<&str>)> {
    let rejected = enrolled["rejected"].as_array().unwrap_or_else(|| panic!("{enrolled}"));
    rejected
        .iter()
        .map(|one| {
            let issues = one["issues"].as_array().unwrap();
            (one["code"].as_str().unwrap(), issues.iter().map(|issue| issue.as_str().unwrap()).collect())
        })
        .collect()
}

/// Inserts a person with a made-up face into the database only. Returns the bytes of the template.
async fn plant(server: &TestServer, gallery: &str, external_id: &str, name: Option<&str>) -> Vec<u8> {
    let (now, tenant, model) = (server.people.clock.now(), caller().tenant, server.people.scale.model);
    let person = person::Model {
        id: PersonId(Uuid::now_v7()),
        tenant: tenant.clone(),
        gallery: gallery.into(),
        gallery_key: NameKey::as_sent(gallery),
        external_id: external_id.into(),
        external_id_key: NameKey::as_sent(external_id),
        keys_as_sent: true,
        external_id_folded: String::new(),
        display_name: name.map(Into::into),
        display_name_folded: None,
        metadata: None,
        consent_granted_at: now,
        consent_reference: None,
        created_at: now,
        updated_at: now,
    };
    let quality = json!({ "overall": 0.5, "sharpness": 1.0, "brightness": 1.0, "contrast": 1.0, "size": 1.0,
        "frontality": 0.5, "yaw": 0.0, "pitch": 0.0, "roll": 0.0, "issues": [] });
    let face = face::Model {
        id: FaceId(Uuid::now_v7()),
        tenant: tenant.clone(),
        person_id: person.id,
        image_sha256: Uuid::now_v7().to_string(),
        quality,
        chip_kept: false,
        created_at: now,
    };
    // Every template differs from every other in each of its bytes.
    let vector: Vec<u8> = (0..16).flat_map(|_| Sha256::digest(Uuid::now_v7())).collect();
    let template =
        template::Model { face_id: face.id, model_digest: model.to_string(), tenant, vector: vector.clone() };
    let write = server.people.database.write().await.unwrap();
    person::Entity::insert(person.into_active_model().reset_all())
        .exec_without_returning(&*write)
        .await
        .unwrap();
    face::Entity::insert(face.into_active_model().reset_all()).exec_without_returning(&*write).await.unwrap();
    template::Entity::insert(template.into_active_model().reset_all())
        .exec_without_returning(&*write)
        .await
        .unwrap();
    write.commit().await.unwrap();
    // Sets the person's key and search columns.
    server.people.normalize_names().await.unwrap();
    vector
}
