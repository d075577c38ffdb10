//! The main workflow: create a container, upload photos, follow their encoding, compare them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use faceql::clock::Clock;
use faceql::containers::{Containers, Until};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::client::text;
use crate::support::engine::Script;
use crate::support::server::{caller, soon};
use crate::support::socket::settle;
use crate::support::{Client, Event, Socket, TestServer, drawn, photo};

const COMPARISON: &str = "settled metadata comparison { samePerson pairs { a { id } decision distance } }";

#[tokio::test]
async fn photos_become_encodings_and_are_compared() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    let obama = photo("obama.jpg");
    client.upload(&container, obama).await;
    settle(&server, &container, 1).await;
    assert_eq!(client.container(&container, COMPARISON).await["comparison"], Value::Null);

    upload_base64(&client, &container, &STANDARD.encode(photo("obama2.jpg"))).await;
    let two = settled(&server, &container, 2).await;
    assert_eq!(two["comparison"]["samePerson"], true);

    let url = format!("data:image/jpeg;base64,{}", STANDARD.encode(photo("biden.jpg")));
    upload_base64(&client, &container, &url).await;
    let three = settled(&server, &container, 3).await;
    let pairs = three["comparison"]["pairs"].as_array().unwrap();
    let decisions: Vec<_> = pairs.iter().map(|pair| text(&pair["decision"])).collect();
    assert_eq!(decisions, ["MATCH", "NO_MATCH", "NO_MATCH"]);
    assert_eq!((&three["comparison"]["samePerson"], &three["settled"]), (&json!(false), &json!(true)));
    server.stop().await;
}

#[tokio::test]
async fn subscriber_gets_every_revision_once_and_in_order() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    let first = client.upload(&container, photo("obama.jpg")).await;
    let mut socket = Socket::connect(&server).await;
    socket.follow_until_settled("1", &container, 3).await;
    let snapshot = socket.image().await;
    assert_eq!(snapshot["id"], first["id"]);
    client.upload(&container, photo("biden.jpg")).await;
    client.upload(&container, photo("obama2.jpg")).await;

    let mut images = socket.images().await;
    images.insert(0, snapshot);
    for id in ids(&images) {
        let story: Vec<&Value> = images.iter().filter(|image| image["id"] == id).collect();
        let revisions: Vec<i64> = story.iter().map(|image| image["revision"].as_i64().unwrap()).collect();
        assert!(revisions.windows(2).all(|pair| pair[1] == pair[0] + 1), "{id}: {revisions:?}");
        let (last, before) = story.split_last().unwrap();
        assert!(before.iter().all(|image| image["status"] == "PROCESSING"));
        assert_eq!((&last["status"], last["encodings"].as_array().unwrap().len()), (&json!("COMPLETED"), 1));
        assert_eq!(last["encodings"][0]["vector"].as_array().unwrap().len(), 128);
    }
    server.stop().await;
}

#[tokio::test]
async fn subscriber_that_joins_while_an_image_changes_misses_no_revision() {
    let encoder = Script::failing(0).encoder().await;
    let server = TestServer::assemble(&[], Clock::system(), encoder).await;
    let pairs = (0..400).map(|_| follow_while_uploading(&server.containers));
    soon(stream::iter(pairs).for_each_concurrent(16, |pair| pair)).await;
    server.stop().await;
}

async fn follow_while_uploading(containers: &Containers) {
    let container = containers.create_container(&caller(), None, None).await.unwrap().id;
    let until = Until::Settled { min_images: 1 };
    let follow = async {
        let states = containers.watch(caller(), container, until).await.unwrap();
        states.map(|state| state.unwrap().image.revision).collect::<Vec<_>>().await
    };
    let caller = caller();
    let upload = containers.upload(&caller, container, drawn(1).into(), None);
    let (revisions, uploaded) = tokio::join!(follow, upload);
    uploaded.unwrap();
    // The upload, the start of the attempt and its end, from whichever of them the subscriber joined at.
    let first = revisions[0];
    assert_eq!(revisions, (first..=3).collect::<Vec<_>>());
}

#[tokio::test]
async fn upload_returns_processing_and_the_size_from_the_header() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    let image = client.upload(&container, drawn(1)).await;
    assert_eq!(
        (&image["status"], &image["revision"], &image["attempts"]),
        (&json!("PROCESSING"), &json!(1), &json!(0))
    );
    settle(&server, &container, 1).await;
    let fields = "images { contentType byteSize sha256 width height completedAt container { id } }";
    let found = client.container(&container, fields).await["images"][0].take();
    assert_eq!((&found["contentType"], &found["byteSize"]), (&json!("image/bmp"), &json!(drawn(1).len())));
    assert_eq!((&found["width"], &found["height"]), (&json!(64), &json!(64)));
    assert_eq!((found["container"]["id"].as_str(), text(&found["sha256"]).len()), (Some(&*container), 64));
    assert!(found["completedAt"].is_string());
    server.stop().await;
}

#[tokio::test]
async fn image_without_a_face_is_completed_without_encodings() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    client.upload(&container, drawn(7)).await;
    let last = settle(&server, &container, 1).await.pop().unwrap();
    assert_eq!((&last["status"], &last["encodings"]), (&json!("COMPLETED"), &json!([])));
    server.stop().await;
}

#[tokio::test]
async fn metadata_is_stored_unchanged() {
    let server = TestServer::start().await;
    let client = server.client();
    let metadata = json!({ "order": 17, "tags": ["a", null], "nested": { "deep": 31.245_270_191_439_438 } });
    let query = "mutation($m: JSON) { createContainer(input: {metadata: $m}) { container { id metadata } } }";
    let made = client.data(query, json!({ "m": metadata })).await["createContainer"]["container"].take();
    assert_eq!(made["metadata"], metadata);
    assert_eq!(client.container(&text(&made["id"]), "metadata").await["metadata"], metadata);
    server.stop().await;
}

#[tokio::test]
async fn clients_may_subscribe_before_uploading() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    let mut socket = Socket::connect(&server).await;
    socket.follow_until_settled("1", &container, 2).await;
    client.upload(&container, drawn(1)).await;
    client.upload(&container, drawn(2)).await;
    let images = socket.images().await;
    assert_eq!((ids(&images).len(), images.last().unwrap()["status"].as_str()), (2, Some("COMPLETED")));
    server.stop().await;
}

#[tokio::test]
async fn subscription_ends_when_its_container_is_deleted() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    client.upload(&container, drawn(1)).await;
    settle(&server, &container, 1).await;
    let mut socket = Socket::connect(&server).await;
    socket.follow(&container).await;
    assert_eq!(socket.image().await["status"], "COMPLETED");
    client.delete_container(&container).await;
    assert!(matches!(socket.next().await, Event::Complete));
    assert_eq!(client.container(&container, "id").await, Value::Null);
    assert_eq!(server.holdings().await, (0, 0, 0));
    server.stop().await;
}

#[tokio::test]
async fn invalid_subscription_fails_with_its_reason() {
    let server = TestServer::start().await;
    let client = server.client();
    let (container, gone) = (client.create_container().await, client.create_container().await);
    client.delete_container(&gone).await;
    for (id, min, expected) in
        [(&gone, 1, "NOT_FOUND"), (&container, 0, "BAD_USER_INPUT"), (&container, 6, "BAD_USER_INPUT")]
    {
        let mut socket = Socket::connect(&server).await;
        socket.follow_until_settled("1", id, min).await;
        let Event::Error(code) = socket.next().await else { panic!("no error for {min}") };
        assert_eq!(code, expected);
    }
    server.stop().await;
}

async fn upload_base64(client: &Client, container: &str, text: &str) {
    let response = client.try_upload_base64(container, text).await;
    assert_eq!(response["data"]["uploadImage"]["image"]["status"], "PROCESSING", "{response}");
}

async fn settled(server: &TestServer, container: &str, images: i32) -> Value {
    settle(server, container, images).await;
    server.client().container(container, COMPARISON).await
}

/// The id of each image, once.
fn ids(images: &[Value]) -> Vec<String> {
    let mut ids: Vec<String> = images.iter().map(|image| text(&image["id"])).collect();
    ids.sort();
    ids.dedup();
    ids
}
