//! Storage that is full or disappears: acknowledged data is not lost, the server is not ready meanwhile, and it
//! recovers by itself.

mod descriptors;
mod errors;
mod full;
mod owned;

use serde_json::{Value, json};

use crate::support::Client;
use crate::support::client::text;
use crate::support::server::eventually;

/// The status of `/health/ready`.
async fn readiness(client: &Client) -> u16 {
    let url = format!("http://{}/health/ready", client.address);
    client.http.get(url).send().await.unwrap().status().as_u16()
}

async fn until_ready(client: &Client) {
    eventually(async || readiness(client).await == 204).await;
}

/// Waits until the server is not ready because of its database, and returns the reason.
async fn until_not_ready(client: &Client) -> String {
    let database = async || {
        let service = client.data("{ service { components { name healthy detail } } }", json!({})).await;
        let components = service["service"]["components"].as_array().unwrap();
        components.iter().find(|component| component["name"] == "database").unwrap().clone()
    };
    eventually(async || database().await["healthy"] == false).await;
    assert_eq!(readiness(client).await, 503);
    text(&database().await["detail"])
}

/// The id of a new container with four kilobytes of metadata, or the error code.
async fn create_large_container(client: &Client) -> Result<String, String> {
    let query = "mutation($data: JSON) { createContainer(input: {metadata: $data}) { container { id } } }";
    let response = client.send(query, json!({ "data": "x".repeat(4000) })).await;
    match &response["data"]["createContainer"]["container"]["id"] {
        Value::String(id) => Ok(id.clone()),
        _ => Err(crate::support::code(&response).to_owned()),
    }
}

/// Tries `count` times; returns the acknowledged containers. The others must be refused because of the storage.
async fn create_containers(client: &Client, count: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for _ in 0..count {
        match create_large_container(client).await {
            Ok(id) => acknowledged.push(id),
            Err(code) => assert_eq!(code, "STORAGE_UNAVAILABLE"),
        }
    }
    acknowledged
}

async fn assert_are_there(client: &Client, containers: &[String]) {
    for id in containers {
        assert_eq!(client.container(id, "id").await["id"], json!(id));
    }
}
