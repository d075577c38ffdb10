//! Guided enrollment: frames are assessed immediately, the session ends with a person, and cancelled sessions leave no
//! data.

use chrono::{DateTime, Utc};
use entity::enrollment_frame;
use faceql::clock::Clock;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

use super::{consent, enroll, identify, image, picture};
use crate::support::server::{eventually, real_encoder};
use crate::support::{Client, Socket, TestServer, code, drawn};

const SESSION: &str =
    "enrollment { id status frames { index accepted code message issues } person { externalId } }";

pub(super) async fn start(client: &Client, external_id: &str, frames: i32) -> String {
    let query = "mutation($input: StartEnrollmentInput!) { startEnrollment(input: $input) { enrollment { id status } } }";
    let input = json!({ "externalId": external_id, "consent": consent(), "requiredFrames": frames, "ttlSeconds": 60 });
    let answer = client.data(query, json!({ "input": input })).await;
    assert_eq!(answer["startEnrollment"]["enrollment"]["status"], "OPEN");
    answer["startEnrollment"]["enrollment"]["id"].as_str().unwrap().to_owned()
}

/// The assessment of the frame.
pub(super) async fn frame(client: &Client, session: &str, image: Value) -> Value {
    let mut response = try_frame(client, session, image).await;
    assert!(response.get("errors").is_none(), "{response}");
    response["data"]["addEnrollmentFrame"]["frame"].take()
}

async fn try_frame(client: &Client, session: &str, image: Value) -> Value {
    let query = "mutation($input: AddEnrollmentFrameInput!) { addEnrollmentFrame(input: $input) {
        frame { index accepted code message issues } } }";
    client.send(query, json!({ "input": { "enrollmentId": session, "image": image } })).await
}

pub(super) async fn end(client: &Client, how: &str, session: &str) -> Value {
    let input = format!("{}{}EnrollmentInput", how[..1].to_uppercase(), &how[1..]);
    let query = format!("mutation($input: {input}!) {{ {how}Enrollment(input: $input) {{ {SESSION} }} }}");
    client.send(&query, json!({ "input": { "enrollmentId": session } })).await
}

async fn frames_kept(server: &TestServer) -> u64 {
    let reader = server.containers.database.reader();
    enrollment_frame::Entity::find().count(reader).await.unwrap()
}

#[tokio::test]
async fn good_frames_enroll_a_person_who_is_found() {
    let server = TestServer::start().await;
    let client = server.client();
    let session = start(&client, "barack", 2).await;
    assert_eq!(frame(&client, &session, image("obama.jpg")).await["accepted"], true);
    let response = end(&client, "complete", &session).await;
    assert_eq!(code(&response), "NOT_ENOUGH_FRAMES");
    assert_eq!(frame(&client, &session, image("obama.jpg")).await["code"], "DUPLICATE_FRAME");
    assert_eq!(frame(&client, &session, picture(&drawn(3))).await["code"], "NO_FACE");
    assert_eq!(frame(&client, &session, image("obama2.jpg")).await["accepted"], true);
    let response = end(&client, "complete", &session).await;
    let ended = &response["data"]["completeEnrollment"]["enrollment"];
    assert_eq!(ended["status"], "COMPLETED", "{response}");
    assert_eq!(ended["person"]["externalId"], "barack");
    assert_eq!(frames_kept(&server).await, 0);
    let found = identify(&client, "obama3.jpg", json!({})).await;
    assert_eq!(found["candidates"][0]["person"]["externalId"], "barack");
    assert_eq!(code(&end(&client, "complete", &session).await), "SESSION_CLOSED");
    assert_eq!(code(&try_frame(&client, &session, image("obama3.jpg")).await), "SESSION_CLOSED");
    server.stop().await;
}

#[tokio::test]
async fn each_change_of_a_session_is_streamed_until_its_end() {
    let server = TestServer::start().await;
    let client = server.client();
    let session = start(&client, "barack", 1).await;
    let (mut early, mut late) = (Socket::connect(&server).await, Socket::connect(&server).await);
    assert_eq!(follow(&mut early, &session).await, json!({ "status": "OPEN", "frames": [] }));
    frame(&client, &session, picture(&drawn(3))).await;
    assert_eq!(early.said().await.unwrap()["frames"], json!([{ "code": "NO_FACE" }]));
    assert_eq!(follow(&mut late, &session).await["frames"], json!([{ "code": "NO_FACE" }]));
    frame(&client, &session, image("obama.jpg")).await;
    end(&client, "complete", &session).await;
    for socket in [&mut early, &mut late] {
        assert_eq!(socket.said().await.unwrap()["frames"], json!([{ "code": "NO_FACE" }, { "code": null }]));
        assert_eq!(socket.said().await, Some(json!({ "status": "COMPLETED", "frames": [] })));
        assert_eq!(socket.said().await, None);
    }
    server.stop().await;
}

/// The current state of the session.
async fn follow(socket: &mut Socket, session: &str) -> Value {
    let query = "subscription($id: ID!) { enrollmentChanged(id: $id) { status frames { code } } }";
    socket.subscribe("1", query, json!({ "id": session })).await;
    socket.said().await.unwrap()
}

#[tokio::test]
async fn a_session_continues_after_a_restart() {
    let server = TestServer::start().await;
    let session = start(&server.client(), "barack", 2).await;
    frame(&server.client(), &session, image("obama.jpg")).await;
    let server = server.restart(&[]).await;
    let client = server.client();
    assert_eq!(frame(&client, &session, image("obama2.jpg")).await["accepted"], true);
    let response = end(&client, "complete", &session).await;
    assert_eq!(response["data"]["completeEnrollment"]["enrollment"]["status"], "COMPLETED", "{response}");
    let found = identify(&client, "obama3.jpg", json!({})).await;
    assert_eq!(found["candidates"][0]["person"]["externalId"], "barack");
    server.stop().await;
}

#[tokio::test]
async fn two_people_in_one_session_are_refused_and_so_is_a_known_person() {
    let server = TestServer::start().await;
    let client = server.client();
    let session = start(&client, "somebody", 2).await;
    for name in ["obama.jpg", "biden.jpg"] {
        assert_eq!(frame(&client, &session, image(name)).await["accepted"], true);
    }
    assert_eq!(code(&end(&client, "complete", &session).await), "DIFFERENT_PERSON");
    enroll(&client, "joe", &["biden.jpg"]).await;
    let session = start(&client, "joes-double", 1).await;
    frame(&client, &session, image("biden.jpg")).await;
    assert_eq!(code(&end(&client, "complete", &session).await), "DUPLICATE_PERSON");
    let people = client.data("{ people { totalCount } }", json!({})).await;
    assert_eq!(people["people"]["totalCount"], 1);
    server.stop().await;
}

#[tokio::test]
async fn a_session_that_is_cancelled_or_expires_leaves_no_data() {
    let now = Arc::new(Mutex::new("2026-01-31T12:00:00Z".parse::<DateTime<Utc>>().unwrap()));
    let clock = now.clone();
    let clock = Clock::from_fn(move || *clock.lock().unwrap());
    let settings = [("FACEQL_RETAIN_CHIPS", "true")];
    let server = TestServer::assemble(&settings, clock, real_encoder().await).await;
    let client = server.client();
    let cancelled = start(&client, "barack", 1).await;
    frame(&client, &cancelled, image("obama.jpg")).await;
    assert_eq!(server.blobs().len(), 1);
    let response = end(&client, "cancel", &cancelled).await;
    assert_eq!(response["data"]["cancelEnrollment"]["enrollment"]["status"], "CANCELLED");
    assert_eq!(code(&try_frame(&client, &cancelled, image("obama.jpg")).await), "SESSION_CLOSED");

    let expired = start(&client, "barack", 1).await;
    frame(&client, &expired, image("obama2.jpg")).await;
    *now.lock().unwrap() += chrono::TimeDelta::seconds(61);
    assert_eq!(code(&try_frame(&client, &expired, image("obama3.jpg")).await), "SESSION_EXPIRED");
    let query = "query($id: ID!) { node(id: $id) { ... on Enrollment { status frames { index } } } }";
    let ended = json!({ "status": "EXPIRED", "frames": [] });
    eventually(async || client.data(query, json!({ "id": expired })).await["node"] == ended).await;
    assert_eq!(frames_kept(&server).await, 0);
    assert_eq!(server.blobs().len(), 0);
    server.stop().await;
}

#[tokio::test]
async fn the_arguments_of_a_session_are_validated() {
    let server = TestServer::start().await;
    let client = server.client();
    let query =
        "mutation($input: StartEnrollmentInput!) { startEnrollment(input: $input) { enrollment { id } } }";
    for (field, value) in [
        ("ttlSeconds", json!(29)),
        ("ttlSeconds", json!(1801)),
        ("requiredFrames", json!(0)),
        ("requiredFrames", json!(21)),
        ("externalId", json!("")),
        ("consent", json!({ "grantedAt": "2126-01-31T12:00:00Z" })),
    ] {
        let mut input = json!({ "externalId": "joe", "consent": consent() });
        input[field] = value;
        assert_eq!(client.refusal(query, json!({ "input": input })).await, "BAD_USER_INPUT", "{field}");
    }
    server.stop().await;
}
