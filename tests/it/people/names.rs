//! Names in several Unicode forms: compared and searched as equal, and returned as they were sent.

use entity::ids::PersonId;
use faceql::app::App;
use faceql::clock::Clock;
use faceql::ids;
use migration::Migrator;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use sea_orm_migration::MigratorTrait;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use super::sessions::{end, frame, start};
use super::{consent, delete_person, enroll, identify, image, person, plant, try_enroll};
use crate::support::client::text;
use crate::support::server::{config, real_encoder};
use crate::support::{Client, TestServer, code};

const COMPOSED: &str = "Jos\u{e9}";
const DECOMPOSED: &str = "Jose\u{301}";

#[tokio::test]
async fn external_id_in_two_unicode_forms_is_one_person_who_keeps_the_first() {
    let server = TestServer::start().await;
    let client = server.client();
    let first = enroll(&client, DECOMPOSED, &["obama.jpg"]).await["person"].take();
    let second = enroll(&client, COMPOSED, &["obama2.jpg"]).await["person"].take();
    assert_eq!((&first["id"], &second["faceCount"]), (&second["id"], &json!(2)));
    for form in [COMPOSED, DECOMPOSED] {
        let found = person(&client, form).await;
        assert_eq!((&found["id"], &found["externalId"]), (&first["id"], &json!(DECOMPOSED)));
    }
    let verify =
        "mutation($input: VerifyPersonInput!) { verifyPerson(input: $input) { match { decision } } }";
    let input = json!({ "person": { "key": { "externalId": COMPOSED } }, "image": image("obama3.jpg") });
    let verified = client.data(verify, json!({ "input": input })).await;
    assert_eq!(verified["verifyPerson"]["match"]["decision"], "MATCH");
    assert_eq!(delete_person(&client, COMPOSED).await["deletedFaceCount"], 2);
    assert_eq!(person(&client, DECOMPOSED).await, Value::Null);
    server.stop().await;
}

#[tokio::test]
async fn guided_enrollment_finds_the_person_in_either_form() {
    let server = TestServer::start().await;
    let client = server.client();
    enroll(&client, DECOMPOSED, &["obama.jpg"]).await;
    let session = start(&client, COMPOSED, 1).await;
    frame(&client, &session, image("obama2.jpg")).await;
    end(&client, "complete", &session).await;
    let enrolled = person(&client, COMPOSED).await;
    assert_eq!((&enrolled["externalId"], &enrolled["faceCount"]), (&json!(DECOMPOSED), &json!(2)));
    server.stop().await;
}

#[tokio::test]
async fn gallery_in_two_unicode_forms_is_one_gallery() {
    let server = TestServer::start().await;
    let client = server.client();
    for (gallery, id, photo) in [("Cafe\u{301}", "barack", "obama.jpg"), ("Caf\u{e9}", "joe", "biden.jpg")] {
        let input =
            json!({ "gallery": gallery, "externalId": id, "images": [image(photo)], "consent": consent() });
        assert_eq!(try_enroll(&client, input).await["data"]["enrollPerson"]["person"]["gallery"], gallery);
    }
    let galleries = client.data("{ galleries { name personCount faceCount } }", json!({})).await;
    assert_eq!(
        galleries["galleries"],
        json!([{ "name": "Cafe\u{301}", "personCount": 2, "faceCount": 2 }]),
        "a gallery keeps the name with which its first person was enrolled"
    );
    for form in ["Cafe\u{301}", "Caf\u{e9}"] {
        let found = identify(&client, "obama2.jpg", json!({ "gallery": form })).await;
        assert_eq!(
            (&found["searchedFaces"], &found["candidates"][0]["person"]["externalId"]),
            (&json!(2), &json!("barack"))
        );
        let listed = "query($gallery: String!) { people(gallery: $gallery) { totalCount } }";
        assert_eq!(client.data(listed, json!({ "gallery": form })).await["people"]["totalCount"], 2);
    }
    // After a restart the index is loaded from the database.
    let server = server.restart(&[]).await;
    let found = identify(&server.client(), "obama2.jpg", json!({ "gallery": "Caf\u{e9}" })).await;
    assert_eq!(found["searchedFaces"], 2);
    server.stop().await;
}

/// The external ids that a search finds.
async fn found(client: &Client, search: &str) -> Vec<String> {
    let query = "query($search: String) { people(search: $search) { nodes { externalId } } }";
    let people = client.data(query, json!({ "search": search })).await;
    people["people"]["nodes"].as_array().unwrap().iter().map(|node| text(&node["externalId"])).collect()
}

#[tokio::test]
async fn search_in_either_form_finds_both() {
    let server = TestServer::start().await;
    let client = server.client();
    let update = "mutation($id: String!, $name: String!) {
        updatePerson(input: {person: {key: {externalId: $id}}, displayName: $name}) { person { displayName } } }";
    let names =
        [("1", COMPOSED), ("2", DECOMPOSED), ("3", "Nguy\u{1ec5}n"), ("4", "\u{1100}\u{1175}\u{11b7}")];
    for (id, name) in names {
        plant(&server, "default", id, None).await;
        let updated = client.data(update, json!({ "id": id, "name": name })).await;
        assert_eq!(updated["updatePerson"]["person"]["displayName"], name);
    }
    for search in ["JOS\u{c9}", "jose\u{301}", "jos", "jose"] {
        assert_eq!(found(&client, search).await, ["2", "1"], "{search:?}");
    }
    for (search, expected) in
        [("nguye\u{302}", "3"), ("NGUY\u{1ec4}N", "3"), ("\u{ae40}", "4"), ("\u{ae30}", "4")]
    {
        assert_eq!(found(&client, search).await, [expected], "{search:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn nul_is_refused_wherever_text_is_stored_or_searched() {
    let server = TestServer::start().await;
    let client = server.client();
    let given_at = "2026-01-31T12:00:00Z";
    for (field, value) in [
        ("gallery", json!("a\0")),
        ("externalId", json!("\0")),
        ("displayName", json!("a\0b")),
        ("metadata", json!({ "a": ["\0"] })),
        ("metadata", json!({ "\0": 1 })),
        ("consent", json!({ "grantedAt": given_at, "reference": "form\0" })),
        ("idempotencyKey", json!("key\0")),
    ] {
        let mut input = json!({ "externalId": "joe", "images": [image("biden.jpg")], "consent": consent() });
        input[field] = value;
        assert_eq!(code(&try_enroll(&client, input).await), "BAD_USER_INPUT", "{field}");
    }
    let (png, nul) = (image("biden.jpg"), json!("\0"));
    for (query, input) in [
        ("query($v: String!) { people(search: $v) { totalCount } }", nul.clone()),
        ("query($v: String!) { people(gallery: $v) { totalCount } }", nul.clone()),
        ("query($v: String!) { person(by: {key: {externalId: $v}}) { id } }", nul.clone()),
        ("mutation($v: JSON) { createContainer(input: {metadata: $v}) { container { id } } }", nul.clone()),
        (
            "mutation($v: String) { createContainer(input: {idempotencyKey: $v}) { container { id } } }",
            nul.clone(),
        ),
        (
            "mutation($v: StartEnrollmentInput!) { startEnrollment(input: $v) { enrollment { id } } }",
            json!({ "externalId": "joe", "displayName": "\0", "consent": consent() }),
        ),
        (
            "mutation($v: SubmitDetectionInput!) { submitDetection(input: $v) { detection { id } } }",
            json!({ "image": png, "idempotencyKey": "\0" }),
        ),
    ] {
        assert_eq!(client.refusal(query, json!({ "v": input })).await, "BAD_USER_INPUT", "{query}");
    }
    server.stop().await;
}

/// A database as FaceQL created it before names were normalised.
async fn old_database(folder: &TempDir) -> DatabaseConnection {
    let file = folder.path().join("faceql.db");
    let database = Database::connect(format!("sqlite:{}?mode=rwc", file.display())).await.unwrap();
    Migrator::up(&database, Some(7)).await.unwrap();
    database
}

/// Increases with `number`.
fn id(number: u8) -> PersonId {
    PersonId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 + u128::from(number)))
}

/// Inserts a person into an old database.
async fn insert(database: &DatabaseConnection, number: u8, gallery: &str, external_id: &str, name: &str) {
    let values: [sea_orm::Value; 5] =
        [id(number).into(), gallery.into(), external_id.into(), name.into(), name.to_lowercase().into()];
    let sql = "INSERT INTO persons (id, tenant, gallery, external_id, external_id_folded, display_name,
            display_name_folded, consent_granted_at, created_at, updated_at)
        VALUES ($1, 'default', $2, $3, lower($3), $4, $5,
            '2026-01-01 00:00:00 +00:00', '2026-01-01 00:00:00 +00:00', '2026-01-01 00:00:00 +00:00')";
    let statement = sea_orm::Statement::from_sql_and_values(database.get_database_backend(), sql, values);
    database.execute_raw(statement).await.unwrap();
}

async fn in_gallery(client: &Client, gallery: &str, external_id: &str) -> Value {
    let query = "query($g: String!, $id: String!) { person(by: {key: {gallery: $g, externalId: $id}}) { id displayName } }";
    let mut found = client.data(query, json!({ "g": gallery, "id": external_id })).await;
    found["person"]["displayName"].take()
}

#[tokio::test]
async fn old_database_gets_normal_keys_and_colliding_names_stay_separate() {
    let folder = tempfile::tempdir().unwrap();
    let old = old_database(&folder).await;
    insert(&old, 1, "default", "plain", "Plain").await;
    insert(&old, 2, "default", "Zoe\u{308}", "Zoe\u{308}").await;
    // The earlier one of these is not in the normal form.
    insert(&old, 3, "default", DECOMPOSED, "decomposed").await;
    insert(&old, 4, "default", COMPOSED, "composed").await;
    // None of these is.
    insert(&old, 5, "default", "\u{212b}", "Angstrom").await;
    insert(&old, 6, "default", "A\u{30a}", "A with ring").await;
    // Two galleries, each with a person of the same key.
    insert(&old, 7, "Cafe\u{301}", "1", "of the first").await;
    insert(&old, 8, "Caf\u{e9}", "1", "of the second").await;
    insert(&old, 9, "Zu\u{308}rich", "1", "of the third").await;
    old.close().await.unwrap();

    let server = TestServer::open(folder, &[], Clock::system(), real_encoder().await).await;
    let client = server.client();
    for (gallery, external_id, name) in [
        ("default", "plain", "Plain"),
        ("default", "Zo\u{eb}", "Zoe\u{308}"),
        ("default", "Zoe\u{308}", "Zoe\u{308}"),
        ("default", COMPOSED, "composed"),
        ("default", DECOMPOSED, "decomposed"),
        ("default", "\u{212b}", "Angstrom"),
        ("default", "\u{c5}", "Angstrom"),
        ("default", "A\u{30a}", "A with ring"),
        ("Cafe\u{301}", "1", "of the first"),
        ("Caf\u{e9}", "1", "of the second"),
        ("Z\u{fc}rich", "1", "of the third"),
    ] {
        assert_eq!(in_gallery(&client, gallery, external_id).await, name, "{gallery:?} {external_id:?}");
    }
    assert_eq!(found(&client, "zo\u{eb}").await, ["Zoe\u{308}"]);
    let galleries = client.data("{ galleries { name personCount } }", json!({})).await;
    assert_eq!(galleries["galleries"].as_array().unwrap().len(), 4, "{galleries}");
    // A person enrolled in a separate gallery is found there.
    let input = json!({ "gallery": "Cafe\u{301}", "externalId": "2", "images": [image("biden.jpg")], "consent": consent() });
    try_enroll(&client, input).await;
    let searched = async |gallery| {
        identify(&client, "biden.jpg", json!({ "gallery": gallery })).await["searchedFaces"].take()
    };
    assert_eq!((searched("Cafe\u{301}").await, searched("Caf\u{e9}").await), (json!(1), json!(0)));
    let by_id = "query($id: ID!) { person(by: {id: $id}) { externalId } }";
    for (number, external_id) in [(3, DECOMPOSED), (4, COMPOSED), (6, "A\u{30a}"), (7, "1")] {
        let found = client.data(by_id, json!({ "id": ids::show(id(number)) })).await;
        assert_eq!(found["person"]["externalId"], external_id);
    }

    // Once one of the two is deleted, the other gets the normal key.
    delete_person(&client, COMPOSED).await;
    let server = server.restart(&[]).await;
    let client = server.client();
    for form in [COMPOSED, DECOMPOSED] {
        assert_eq!(in_gallery(&client, "default", form).await, "decomposed");
    }
    server.stop().await;
}

/// Stops the service on the folder, so that a command can use the database.
async fn migrate(folder: &TempDir) {
    let app = App::new(config(folder.path(), &[]), Clock::system(), real_encoder().await).await.unwrap();
    app.database().clone().close().await;
}

#[tokio::test]
async fn collisions_are_reported_by_doctor_and_by_index_check() {
    let folder = tempfile::tempdir().unwrap();
    let old = old_database(&folder).await;
    insert(&old, 3, "default", DECOMPOSED, "decomposed").await;
    insert(&old, 4, "default", COMPOSED, "composed").await;
    insert(&old, 7, "Cafe\u{301}", "1", "of the first").await;
    insert(&old, 8, "Caf\u{e9}", "1", "of the second").await;
    old.close().await.unwrap();
    migrate(&folder).await;
    for (code, arguments) in [(1, ["doctor"].as_slice()), (0, &["index", "check"])] {
        let told = crate::bulk::faceql(code, folder.path(), arguments);
        let (one, other) = (ids::show(id(3)), ids::show(id(4)));
        let people = format!("the external ids of {one} and {other} differ only in their Unicode form");
        assert!(told.contains(&people), "{told}");
        assert!(told.contains(r#"the gallery "Cafe\u{301}" of the tenant default is kept apart"#), "{told}");
    }
}
