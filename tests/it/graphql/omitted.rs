//! An omitted variable is an absent argument or field, never null.

use serde_json::{Value, json};

use crate::support::client::read;
use crate::support::socket::settle;
use crate::support::{Client, Socket, TestServer, drawn};

#[tokio::test]
async fn omitted_argument_takes_its_default() {
    let server = TestServer::start().await;
    let client = server.client();
    containers(&client, 21).await;
    let query =
        "query($first: Int, $after: String) { containers(first: $first, after: $after) { nodes { id } } }";
    assert_eq!(nodes(&client.data(query, json!({})).await), 20);
    assert_eq!(nodes(&client.data(query, json!({ "first": 3 })).await), 3);
    let required = query.replace("$first: Int,", "$first: Int! = 7,");
    assert_eq!(nodes(&client.data(&required, json!({})).await), 7);
    // An operation may have a name that the request does not give.
    let named = query.replace("query(", "query Named(");
    assert_eq!(nodes(&client.data(&named, json!({})).await), 20);
    server.stop().await;
}

#[tokio::test]
async fn omitted_field_of_an_input_is_absent() {
    let server = TestServer::start().await;
    let client = server.client();
    let query = "mutation($m: JSON, $k: String) {
        createContainer(input: {metadata: $m, idempotencyKey: $k}) { container { id metadata } }
    }";
    // A null key would make both the same request, or be refused as empty.
    let first = client.data(query, json!({})).await["createContainer"]["container"].take();
    let second = client.data(query, json!({})).await["createContainer"]["container"].take();
    assert_eq!(first["metadata"], Value::Null);
    assert_ne!(first["id"], second["id"]);
    let whole =
        "mutation($input: CreateContainerInput) { createContainer(input: $input) { container { id } } }";
    client.data(whole, json!({})).await;
    server.stop().await;
}

#[tokio::test]
async fn omitted_argument_of_a_subscription_takes_its_default() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    client.upload(&container, drawn(1)).await;
    settle(&server, &container, 1).await;
    let query = "subscription($id: ID!, $u: Boolean, $m: Int) {
        imageStatusChanged(containerId: $id, untilSettled: $u, minImages: $m) { id status }
    }";
    let mut socket = Socket::connect(&server).await;
    socket.subscribe("1", query, json!({ "id": container, "u": true })).await;
    assert_eq!(socket.images().await.len(), 1);
    socket.subscribe("2", query, json!({ "id": container })).await;
    assert_eq!(socket.image().await["status"], "COMPLETED");
    // Without untilSettled it continues: the next image is received.
    client.upload(&container, drawn(2)).await;
    assert_eq!(socket.image().await["status"], "PROCESSING");
    settle(&server, &container, 2).await;
    server.stop().await;
}

#[tokio::test]
async fn variables_are_omitted_inside_fragments_and_directives_too() {
    let server = TestServer::start().await;
    let client = server.client();
    containers(&client, 21).await;
    let query =
        "query($first: Int, $with: Boolean!) { ...List ... on Query { ...Inner @include(if: $with) } }
        fragment List on Query { containers(first: $first) { nodes { id } } }
        fragment Inner on Query { again: containers(first: $first) { nodes { id } } }";
    let data = client.data(query, json!({ "with": true })).await;
    assert_eq!((nodes(&data), data["again"]["nodes"].as_array().unwrap().len()), (20, 20));
    server.stop().await;
}

#[tokio::test]
async fn variable_without_a_value_has_its_default_in_arguments_and_directives() {
    let server = TestServer::start().await;
    let client = server.client();
    containers(&client, 3).await;
    let query = "query($first: Int = 2, $with: Boolean! = true, $without: Boolean! = false) {
            containers(first: $first) { nodes { id @include(if: $with) settled @include(if: $without) } }
        }";
    for (given, fields) in
        [(json!({}), (true, false)), (json!({ "without": true, "with": false }), (false, true))]
    {
        let data = client.data(query, given).await;
        let node = &data["containers"]["nodes"][0];
        assert_eq!((nodes(&data), (node["id"].is_string(), node["settled"].is_boolean())), (2, fields));
    }
    server.stop().await;
}

#[tokio::test]
async fn only_the_selected_operation_of_a_document_counts() {
    let server = TestServer::start().await;
    let client = server.client();
    containers(&client, 2).await;
    let query = "query A($first: Int) { ...List } query B($first: Int!) { ...List }
        fragment List on Query { containers(first: $first) { nodes { id } } }";
    let send = async |operation: &str, variables: Value| {
        let body = json!({ "query": query, "variables": variables, "operationName": operation });
        read(client.post().json(&body).send().await.unwrap()).await
    };
    assert_eq!(nodes(&send("A", json!({})).await["data"]), 2);
    assert_eq!(nodes(&send("B", json!({ "first": 1 })).await["data"]), 1);
    assert_eq!(send("B", json!({})).await["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(send("C", json!({})).await["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    server.stop().await;
}

#[tokio::test]
async fn missing_required_variable_is_a_request_error() {
    let server = TestServer::start().await;
    let client = server.client();
    let query = "query($id: ID!) { container(id: $id) { id } }";
    assert_eq!(client.refusal(query, json!({})).await, "BAD_USER_INPUT");
    assert_eq!(client.refusal(query, json!({ "id": null })).await, "BAD_USER_INPUT");
    server.stop().await;
}

async fn containers(client: &Client, count: usize) {
    for _ in 0..count {
        client.create_container().await;
    }
}

fn nodes(data: &Value) -> usize {
    data["containers"]["nodes"].as_array().unwrap_or_else(|| panic!("{data}")).len()
}
