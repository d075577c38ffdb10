//! Invalid requests about people: a clear error, and no partial changes.

use serde_json::{Value, json};

use super::{consent, enroll, image, person, plant, try_enroll};
use crate::support::client::raw;
use crate::support::server::soon;
use crate::support::{TestServer, code};

#[tokio::test]
async fn invalid_enrollments_are_refused_as_a_whole() {
    let server = TestServer::start().await;
    let client = server.client();
    let long = "x".repeat(10_000);
    let in_future = json!({ "grantedAt": "2999-01-01T00:00:00Z" });
    let wrong_reference = json!({ "grantedAt": "2026-01-01T00:00:00Z", "reference": long });
    for (field, value, expected) in [
        ("images", json!([]), "BAD_USER_INPUT"),
        ("images", json!(vec![json!({ "base64": "AAAA" }); 21]), "FACE_LIMIT_REACHED"),
        ("externalId", json!(""), "BAD_USER_INPUT"),
        ("externalId", json!(long), "BAD_USER_INPUT"),
        ("gallery", json!(""), "BAD_USER_INPUT"),
        ("gallery", json!(long), "BAD_USER_INPUT"),
        ("displayName", json!(""), "BAD_USER_INPUT"),
        ("displayName", json!(long), "BAD_USER_INPUT"),
        ("metadata", json!({ "text": "x".repeat(2_000_000) }), "BAD_USER_INPUT"),
        ("consent", in_future, "BAD_USER_INPUT"),
        ("consent", wrong_reference, "BAD_USER_INPUT"),
        ("consent", Value::Null, "CONSENT_REQUIRED"),
        ("images", json!([{ "base64": "*" }]), "INVALID_IMAGE"),
    ] {
        let mut input = json!({ "externalId": "joe", "images": [image("biden.jpg")], "consent": consent() });
        input[field] = value;
        let response = try_enroll(&client, input).await;
        assert_eq!(code(&response), expected, "{field}");
    }
    assert_eq!(client.data("{ galleries { name } }", json!({})).await["galleries"], json!([]));
    server.stop().await;
}

#[tokio::test]
async fn names_in_every_script_are_stored_unchanged() {
    let server = TestServer::start().await;
    let client = server.client();
    let (id, name) = ("ключ 名 🙂 \"'%", "名".repeat(255));
    let images = [image("biden.jpg")];
    let input = json!({ "externalId": id, "displayName": name, "images": images, "consent": consent() });
    let response = try_enroll(&client, input).await;
    assert!(response.get("errors").is_none(), "{response}");
    assert_eq!(person(&client, id).await["displayName"], name);
    let other_case = person(&client, &id.to_uppercase()).await;
    assert_eq!(other_case, Value::Null, "external ids are case-sensitive");
    server.stop().await;
}

#[tokio::test]
async fn searches_out_of_range_are_refused() {
    let server = TestServer::start().await;
    let client = server.client();
    let one = "mutation($input: IdentifyPersonInput!) { identifyPerson(input: $input) { searchedFaces } }";
    let all = "mutation($input: IdentifyFacesInput!) { identifyFaces(input: $input) { searchedFaces } }";
    for (field, values) in [
        ("topK", [json!(0), json!(-1), json!(10_000)]),
        ("minSimilarity", [json!(2), json!(-1), json!(1.0001)]),
        ("gallery", [json!(""), json!("x".repeat(10_000)), json!("y".repeat(256))]),
    ] {
        for value in values {
            for query in [one, all] {
                let input = json!({ "image": image("obama.jpg"), field: value });
                assert_eq!(
                    client.refusal(query, json!({ "input": input })).await,
                    "BAD_USER_INPUT",
                    "{field}"
                );
            }
        }
    }
    for faces in [0, -1, 101] {
        let input = json!({ "image": image("obama.jpg"), "maxFaces": faces });
        assert_eq!(client.refusal(all, json!({ "input": input })).await, "BAD_USER_INPUT", "{faces}");
    }
    // NaN and infinity cannot be written in JSON or GraphQL.
    let written = "mutation { identifyPerson(input: {image: {base64: \"AAAA\"}, minSimilarity: NaN}) { searchedFaces } }";
    assert_eq!(client.refusal(written, json!({})).await, "BAD_USER_INPUT");
    server.stop().await;
}

#[tokio::test]
async fn person_must_be_referenced_in_exactly_one_way() {
    let server = TestServer::start().await;
    let client = server.client();
    plant(&server, "default", "joe", None).await;
    let id = person(&client, "joe").await["id"].take();
    let query = "query($by: PersonRef!) { person(by: $by) { id } }";
    let both = json!({ "id": id, "key": { "externalId": "joe" } });
    for by in [json!({}), both, json!({ "id": null }), json!({ "key": { "externalId": "" } })] {
        let refusal = client.refusal(query, json!({ "by": by })).await;
        assert!(["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"].contains(&&*refusal), "{by}: {refusal}");
    }
    server.stop().await;
}

#[tokio::test]
async fn base64_of_200_megabytes_is_refused_while_it_is_being_received() {
    let server =
        TestServer::with(&[("FACEQL_MAX_REQUEST_BYTES", "1048576"), ("FACEQL_MAX_UPLOAD_BYTES", "65536")])
            .await;
    let head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 200000000\r\n\r\n{\"variables\": {\"base64\": \"";
    // More than the limit, then nothing: only a server that counts while reading can respond.
    let request = [head.as_bytes(), &vec![b'A'; 1 << 21]].concat();
    let (status, answer) = soon(raw(server.address, &request)).await;
    assert_eq!((status, code(&answer)), (413, "PAYLOAD_TOO_LARGE"));
    server.stop().await;
}

#[tokio::test]
async fn image_over_the_limit_is_refused_in_base64_too() {
    let server = TestServer::with(&[("FACEQL_MAX_UPLOAD_BYTES", "4096")]).await;
    let client = server.client();
    let input = json!({ "externalId": "joe", "images": [image("biden.jpg")], "consent": consent() });
    assert_eq!(code(&try_enroll(&client, input).await), "PAYLOAD_TOO_LARGE");
    server.stop().await;
}

#[tokio::test]
async fn identifying_during_a_deletion_finds_the_person_or_no_one() {
    let server = TestServer::start().await;
    let client = server.client();
    for _ in 0..3 {
        enroll(&client, "barack", &["obama.jpg"]).await;
        let (looker, deleter) = (server.client(), server.client());
        let (found, _) = tokio::join!(
            super::identify(&looker, "obama2.jpg", json!({})),
            super::delete_person(&deleter, "barack")
        );
        let candidates = found["candidates"].as_array().unwrap();
        assert!(candidates.iter().all(|one| one["person"]["externalId"] == "barack"), "{found}");
        assert_eq!(super::identify(&client, "obama2.jpg", json!({})).await["searchedFaces"], 0);
    }
    server.stop().await;
}
