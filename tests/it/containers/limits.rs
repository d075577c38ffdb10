//! How many images a container holds, and the results of repeated requests.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::client::text;
use crate::support::socket::settle;
use crate::support::{TestServer, code, drawn};

const CREATE: &str = "mutation($m: JSON, $k: String) {
    createContainer(input: {metadata: $m, idempotencyKey: $k}) { container { id } }
}";

#[tokio::test]
async fn sixth_image_is_refused_even_when_ten_arrive_at_once() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    let uploads = (0..10).map(|shade| client.try_upload(&container, drawn(shade), None));
    let answers = join_all(uploads).await;
    let (refused, accepted): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.get("errors").is_some());
    assert_eq!(accepted.len(), 5);
    assert!(refused.iter().all(|answer| code(answer) == "IMAGE_LIMIT_REACHED"), "{refused:?}");
    settle(&server, &container, 5).await;
    assert_eq!(server.holdings().await.0, 5);
    server.stop().await;
}

#[tokio::test]
async fn limit_is_configurable_and_stored_with_the_container() {
    let server = TestServer::with(&[("FACEQL_IMAGES_PER_CONTAINER", "1")]).await;
    let client = server.client();
    let container = client.create_container().await;
    assert_eq!(client.container(&container, "imageLimit").await["imageLimit"], 1);
    client.upload(&container, drawn(1)).await;
    assert_eq!(code(&client.try_upload(&container, drawn(2), None).await), "IMAGE_LIMIT_REACHED");
    settle(&server, &container, 1).await;
    server.stop().await;
}

#[tokio::test]
async fn repeated_upload_returns_the_first_image_even_when_the_container_is_full() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    let first = client.try_upload(&container, drawn(0), Some("a")).await;
    for shade in 1..5 {
        client.upload(&container, drawn(shade)).await;
    }
    let id = |response: &Value| text(&response["data"]["uploadImage"]["image"]["id"]);
    let repeat = client.try_upload(&container, drawn(0), Some("a")).await;
    assert_eq!(id(&repeat), id(&first));
    assert_eq!(code(&client.try_upload(&container, drawn(9), Some("a")).await), "CONFLICT");
    assert_eq!(code(&client.try_upload(&container, drawn(0), Some("b")).await), "IMAGE_LIMIT_REACHED");
    settle(&server, &container, 5).await;
    server.stop().await;
}

#[tokio::test]
async fn same_upload_ten_times_at_once_creates_one_image() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    let answers = join_all((0..10).map(|_| client.try_upload(&container, drawn(1), Some("once")))).await;
    let first = text(&answers[0]["data"]["uploadImage"]["image"]["id"]);
    for answer in &answers {
        assert_eq!(answer["data"]["uploadImage"]["image"]["id"], first, "{answer}");
    }
    settle(&server, &container, 1).await;
    assert_eq!(server.holdings().await.0, 1);
    server.stop().await;
}

#[tokio::test]
async fn idempotency_key_is_scoped_to_its_container() {
    let server = TestServer::start().await;
    let client = server.client();
    for shade in 1..3 {
        let container = client.create_container().await;
        let answer = client.try_upload(&container, drawn(shade), Some("a")).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        settle(&server, &container, 1).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn repeated_create_returns_the_first_container() {
    let server = TestServer::start().await;
    let client = server.client();
    let variables = json!({ "m": { "order": 1 }, "k": "order-1" });
    let first = client.data(CREATE, variables.clone()).await;
    assert_eq!(client.data(CREATE, variables).await, first);
    let other = json!({ "m": { "order": 2 }, "k": "order-1" });
    assert_eq!(client.refusal(CREATE, other).await, "CONFLICT");
    server.stop().await;
}

#[tokio::test]
async fn idempotency_key_of_a_deleted_container_can_be_reused() {
    let server = TestServer::start().await;
    let client = server.client();
    let first = client.data(CREATE, json!({ "k": "again" })).await;
    client.delete_container(&text(&first["createContainer"]["container"]["id"])).await;
    assert_ne!(client.data(CREATE, json!({ "k": "again" })).await, first);
    server.stop().await;
}

#[tokio::test]
async fn idempotency_key_has_1_to_255_bytes() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    for key in [String::new(), "k".repeat(256)] {
        assert_eq!(client.refusal(CREATE, json!({ "k": key })).await, "BAD_USER_INPUT");
        assert_eq!(code(&client.try_upload(&container, drawn(1), Some(&key)).await), "BAD_USER_INPUT");
    }
    client.data(CREATE, json!({ "k": "k".repeat(255) })).await;
    assert_eq!(server.holdings().await, (0, 0, 0));
    server.stop().await;
}
