//! The size limit of responses.

use serde_json::{Value, json};

use crate::support::{Client, Socket, TestServer, code};

const READ: &str = "query($id: ID!) { container(id: $id) { id metadata } }";
const LIMIT: usize = 15_000;

async fn server() -> TestServer {
    TestServer::with(&[("FACEQL_MAX_RESPONSE_BYTES", "15000"), ("FACEQL_MAX_BATCH", "10")]).await
}

async fn container_with(client: &Client, metadata: Value) -> String {
    let create =
        "mutation($metadata: JSON) { createContainer(input: {metadata: $metadata}) { container { id } } }";
    let created = client.data(create, json!({ "metadata": metadata })).await;
    created["createContainer"]["container"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn response_that_is_too_large_is_refused_over_every_transport() {
    let server = server().await;
    let client = server.client();
    // As JSON each takes six bytes.
    let escaped = container_with(&client, json!("\u{1}".repeat(2700))).await;
    let fits = container_with(&client, json!("\u{1}".repeat(2000))).await;
    client.data(READ, json!({ "id": fits })).await;
    let variables = json!({ "id": escaped });
    let response = client.send(READ, variables.clone()).await;
    assert_eq!((code(&response), response.get("data")), ("QUERY_TOO_COSTLY", None), "{response}");

    let body = json!({ "query": READ, "variables": variables });
    let strict = client.post().header("Accept", "application/graphql-response+json").json(&body);
    assert_eq!(strict.send().await.unwrap().status(), 400);

    let events = client.post().header("Accept", "text/event-stream").json(&body);
    let events = events.send().await.unwrap().text().await.unwrap();
    assert!(events.contains("QUERY_TOO_COSTLY") && events.len() < 1000, "{events}");

    let mut socket = Socket::connect(&server).await;
    socket.subscribe("1", READ, variables).await;
    let error = socket.message().await.unwrap();
    assert_eq!((&error["type"], &error["id"]), (&json!("error"), &json!("1")));
    assert_eq!(error["payload"][0]["extensions"]["code"], "QUERY_TOO_COSTLY");
    socket.subscribe("1", READ, json!({ "id": fits })).await;
    assert_eq!(socket.message().await.unwrap()["type"], "next", "the socket stays usable");
    server.stop().await;
}

#[tokio::test]
async fn requests_of_a_batch_share_the_limit_of_the_response() {
    let server = server().await;
    let client = server.client();
    let id = container_with(&client, json!("x".repeat(2000))).await;
    let request = json!({ "query": READ, "variables": { "id": id } });
    for (count, expected) in [(4, None), (8, Some("QUERY_TOO_COSTLY"))] {
        let answer = client.post().json(&vec![request.clone(); count]).send().await.unwrap();
        let text = answer.text().await.unwrap();
        assert!(text.len() < LIMIT, "{}", text.len());
        let responses: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(responses.len(), count);
        for response in responses {
            assert_eq!(response.get("errors").map(|_| code(&response)), expected);
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn too_many_small_fields_are_refused_before_they_are_written() {
    let server = server().await;
    let client = server.client();
    for _ in 0..30 {
        client.create_container().await;
    }
    let query = "{ containers(first: 30) { nodes { id createdAt imageLimit } } }";
    assert_eq!(client.refusal(query, json!({})).await, "QUERY_TOO_COSTLY");
    client.data(&query.replace("30", "9"), json!({})).await;
    server.stop().await;
}
