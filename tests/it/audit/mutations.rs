//! Every mutation and search of the schema leaves an entry with its name, whether refused or successful.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::schema::{PLANTED, Schema, name};
use super::{ids, ids_in, log_of, of, send};
use crate::access::tenants::{self, ACME, READER};
use crate::contours;
use crate::people::picture;
use crate::support::client::text;
use crate::support::socket::settle;
use crate::support::{Client, TestServer, drawn, photo};

#[tokio::test]
async fn every_mutation_of_the_schema_leaves_one_entry_with_its_name_and_outcome() {
    let server = TestServer::start().await;
    let client = server.client();
    let schema = Schema::of(&client).await;
    let mut expected = Vec::new();
    for mutation in schema.mutations() {
        let (query, input) = (schema.document(mutation), schema.least_input(mutation));
        let response = send(&client, name(mutation), &query, json!({ "input": input })).await;
        let outcome = response["errors"][0]["extensions"]["code"].as_str().unwrap_or("OK").to_owned();
        expected.push((name(mutation).to_owned(), outcome, ids_in(&input), response));
    }
    let refused = expected.iter().filter(|(_, outcome, ..)| outcome != "OK").count();
    assert!(refused > 10, "hardly any mutation was refused: {expected:?}");
    let log = log_of(server).await;
    for (name, outcome, aimed_at, response) in expected {
        let [entry] = of(&log, &name)[..] else { panic!("not one entry of {name}: {log:?}") };
        assert_eq!((&entry.act, &entry.outcome), (&name, &outcome), "{response}");
        assert_eq!((entry.tenant.as_str(), &*entry.actor), ("default", "anonymous"));
        assert!(ids(entry).is_superset(&aimed_at), "{name} was about {aimed_at:?}: {entry:?}");
    }
    assert!(!format!("{log:?}").contains(PLANTED), "{log:?}");
}

/// Calls a mutation, which must succeed; returns its result.
async fn act(client: &Client, schema: &Schema, mutation: &str, input: Value) -> Value {
    let mutation = schema.mutations().iter().find(|field| name(field) == mutation).unwrap();
    let query = schema.document(mutation);
    let mut response = send(client, name(mutation), &query, json!({ "input": input })).await;
    assert!(response.get("errors").is_none(), "{} {response}", name(mutation));
    response["data"].as_object_mut().unwrap().values_mut().next().unwrap().take()
}

#[tokio::test]
async fn every_mutation_of_the_schema_records_the_ids_that_it_affects() {
    let server = TestServer::start().await;
    let client = server.client();
    let schema = Schema::of(&client).await;
    let mut answers = Vec::new();
    let mut act = async |mutation: &'static str, input: Value| {
        let answer = act(&client, &schema, mutation, input).await;
        answers.push((mutation, answer.clone()));
        answer
    };
    let picture = |name| picture(&photo(name));
    let consent = json!({ "grantedAt": "2026-01-31T12:00:00Z", "reference": PLANTED });

    let container = &act("createContainer", json!({ "metadata": PLANTED })).await["container"]["id"];
    let broken = crate::people::picture(&drawn(1)[..drawn(1).len() / 2]);
    let image = act("uploadImage", json!({ "containerId": container, "image": broken })).await;
    assert_eq!(settle(&server, container.as_str().unwrap(), 1).await.pop().unwrap()["status"], "FAILED");
    act("retryImage", json!({ "imageId": image["image"]["id"] })).await;
    settle(&server, container.as_str().unwrap(), 1).await;
    act("deleteContainer", json!({ "containerId": container })).await;

    let start = json!({ "externalId": PLANTED, "consent": consent, "requiredFrames": 1 });
    let session = act("startEnrollment", start).await["enrollment"]["id"].take();
    let frame = json!({ "enrollmentId": session, "image": picture("biden.jpg") });
    act("addEnrollmentFrame", frame).await;
    act("completeEnrollment", json!({ "enrollmentId": session })).await;
    let start = json!({ "externalId": "another", "consent": consent });
    let session = act("startEnrollment", start).await["enrollment"]["id"].take();
    act("cancelEnrollment", json!({ "enrollmentId": session })).await;

    let images = [picture("obama.jpg"), picture("obama2.jpg"), picture("biden.jpg")];
    let barack =
        json!({ "externalId": "barack", "displayName": PLANTED, "consent": consent, "images": images });
    let enrolled = act("enrollPerson", barack).await;
    let by_key = json!({ "key": { "externalId": "barack" } });
    act("updatePerson", json!({ "person": by_key, "displayName": PLANTED })).await;
    let looked_for = picture("obama3.jpg");
    act("verifyPerson", json!({ "person": by_key, "image": looked_for })).await;
    let found = act("identifyPerson", json!({ "image": looked_for })).await;
    assert!(!found["candidates"][0]["person"]["id"].is_null(), "{found}");
    act("identifyFaces", json!({ "image": looked_for })).await;
    act("compareFaces", json!({ "source": looked_for, "target": picture("biden.jpg") })).await;
    act("deleteFace", json!({ "faceId": enrolled["accepted"][0]["id"] })).await;
    act("deletePerson", json!({ "person": by_key })).await;

    let detection = act("submitDetection", json!({ "image": picture("obama.jpg") })).await;
    act("deleteDetection", json!({ "detectionId": detection["detection"]["id"] })).await;
    let contour = act("submitContour", contours::request(&contours::two_regions())).await;
    act("deleteContour", json!({ "contourId": contour["contour"]["id"] })).await;

    let done: BTreeSet<&str> = answers.iter().map(|(mutation, _)| *mutation).collect();
    let all: BTreeSet<&str> = schema.mutations().iter().map(name).collect();
    assert_eq!(done, all, "give an example of each mutation");
    let log = log_of(server).await;
    for (mutation, answer) in answers {
        let entries = of(&log, mutation);
        assert!(
            entries.iter().all(|entry| (&*entry.act, &*entry.outcome) == (mutation, "OK")),
            "{entries:?}"
        );
        let named = |entry: &&entity::audit_entry::Model| ids(entry).is_superset(&ids_in(&answer));
        assert!(entries.iter().any(named), "{mutation} answered {answer}: {entries:?}");
    }
    assert!(!format!("{log:?}").contains(PLANTED), "{log:?}");
}

#[tokio::test]
async fn repeated_request_and_each_of_several_mutations_leave_an_entry() {
    let server = TestServer::start().await;
    let client = server.client();
    let query = r#"mutation { createContainer(input: {idempotencyKey: "same"}) { container { id } } }"#;
    let first = send(&client, "first", query, json!({})).await;
    assert_eq!(send(&client, "again", query, json!({})).await, first);
    let query =
        "mutation { a: createContainer { container { id } } b: deleteContainer(input: {containerId: \"x\"}) {
        deletedContainerId } c: createContainer @skip(if: true) { container { id } } }";
    send(&client, "together", query, json!({})).await;
    let query = "mutation { nothing }";
    send(&client, "nothing", query, json!({})).await;
    let log = log_of(server).await;
    for request in ["first", "again"] {
        let [entry] = of(&log, request)[..] else { panic!("{log:?}") };
        assert_eq!((&*entry.act, &*entry.outcome), ("createContainer", "OK"));
        assert_eq!(ids(entry), ids_in(&first));
    }
    let together = of(&log, "together");
    let mut together: Vec<_> = together.iter().map(|entry| (&*entry.act, &*entry.outcome)).collect();
    together.sort_unstable();
    assert_eq!(together, [("createContainer", "OK"), ("deleteContainer", "INVALID_ID")]);
    assert_eq!(of(&log, "nothing"), [] as [&entity::audit_entry::Model; 0]);
}

#[tokio::test]
async fn entry_names_the_key_and_that_it_was_forbidden() {
    let server = tenants::server().await;
    let query = "mutation { createContainer { container { id } } }";
    send(&server.client_with_key(ACME), "allowed", query, json!({})).await;
    send(&server.client_with_key(READER), "forbidden", query, json!({})).await;
    send(&server.client(), "unknown", query, json!({})).await;
    let log = log_of(server).await;
    let told: Vec<_> = log.iter().map(|entry| (&*entry.request, &*entry.actor, &*entry.outcome)).collect();
    assert_eq!(told, [("allowed", "configured-1", "OK"), ("forbidden", "configured-3", "FORBIDDEN")]);
    assert!(log.iter().all(|entry| entry.tenant.as_str() == "acme"));
}

#[tokio::test]
async fn batch_and_socket_leave_the_same_entries_as_single_requests() {
    let server = TestServer::with(&[("FACEQL_MAX_BATCH", "10")]).await;
    let client = server.client();
    let create = json!({ "query": "mutation { createContainer { container { id } } }" });
    let batch = json!([create, create, { "query": "mutation { deleteFace(input: {faceId: \"x\"}) { deletedFaceId } }" }]);
    client.post().header("X-Request-Id", "batch").json(&batch).send().await.unwrap();
    let mut socket = crate::support::Socket::connect(&server).await;
    socket.subscribe("1", "mutation { createContainer { container { id } } }", json!({})).await;
    let container = text(&socket.said().await.unwrap()["container"]["id"]);
    let log = log_of(server).await;
    let mut batch: Vec<_> = of(&log, "batch").iter().map(|entry| (&*entry.act, &*entry.outcome)).collect();
    batch.sort_unstable();
    assert_eq!(batch, [("createContainer", "OK"), ("createContainer", "OK"), ("deleteFace", "INVALID_ID")]);
    assert!(log.iter().any(|entry| entry.request != "batch" && ids(entry) == [container.clone()].into()));
}
