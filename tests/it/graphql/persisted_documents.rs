//! Persisted documents, by hash, and trusted documents.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::client::read;
use crate::support::{Client, Socket, TestServer, code};

const QUERY: &str = "{ service { version } }";

async fn post(client: &Client, body: Value) -> Value {
    read(client.post().json(&body).send().await.unwrap()).await
}

fn by_hash(hash: &str) -> Value {
    json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } })
}

fn hash(query: &str) -> String {
    hex::encode(Sha256::digest(query))
}

#[tokio::test]
async fn a_query_can_be_requested_by_its_hash_once_it_was_sent() {
    let server = TestServer::with(&[("FACEQL_PERSISTED_QUERIES", "2")]).await;
    let client = server.client();
    let unknown = post(&client, by_hash(&hash(QUERY))).await;
    assert_eq!(code(&unknown), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(unknown["errors"][0]["message"], "PersistedQueryNotFound");
    let mut both = by_hash(&hash(QUERY));
    both["query"] = json!(QUERY);
    assert!(post(&client, both).await["data"]["service"]["version"].is_string());
    let known = post(&client, by_hash(&hash(QUERY))).await;
    assert!(known["data"]["service"]["version"].is_string(), "{known}");
    let mut forged = by_hash(&hash(QUERY));
    forged["query"] = json!("{ __typename }");
    assert_eq!(code(&post(&client, forged).await), "BAD_USER_INPUT");
    // At most two are kept.
    for query in ["{ a: __typename }", "{ b: __typename }"] {
        let mut body = by_hash(&hash(query));
        body["query"] = json!(query);
        post(&client, body).await;
    }
    assert_eq!(code(&post(&client, by_hash(&hash(QUERY))).await), "PERSISTED_QUERY_NOT_FOUND");
    server.stop().await;
}

#[tokio::test]
async fn trusted_documents_are_the_only_ones_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("documents.json");
    std::fs::write(&file, json!({ "version": QUERY }).to_string()).unwrap();
    let server = TestServer::with(&[("FACEQL_TRUSTED_DOCUMENTS", file.to_str().unwrap())]).await;
    let client = server.client();
    for body in [json!({ "documentId": "version" }), json!({ "query": QUERY }), by_hash("version")] {
        assert!(post(&client, body).await["data"]["service"]["version"].is_string());
    }
    assert_eq!(code(&post(&client, json!({ "query": "{ __typename }" })).await), "FORBIDDEN");
    let unknown = post(&client, json!({ "documentId": "other" })).await;
    assert_eq!(code(&unknown), "PERSISTED_QUERY_NOT_FOUND");
    let mut socket = Socket::connect(&server).await;
    socket.subscribe("1", "{ __typename }", json!({})).await;
    let refused = socket.message().await.unwrap();
    assert_eq!(refused["payload"][0]["extensions"]["code"], "FORBIDDEN");
    server.stop().await;
}
