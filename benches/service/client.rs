//! The requests that the benchmark sends.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

/// A client of one server.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    address: SocketAddr,
    key: Option<&'static str>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { http: reqwest::Client::new(), address, key: None }
    }

    /// The same with a key.
    pub(crate) fn with_key(self, key: Option<&'static str>) -> Self {
        Self { key, ..self }
    }

    pub(crate) async fn query(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let mut request = self.http.post(self.url()).json(&body);
        if let Some(key) = self.key {
            request = request.header("X-API-Key", key);
        }
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    pub(crate) async fn create_container(&self) -> String {
        let answer = self.query("mutation { createContainer { container { id } } }", json!({})).await;
        answer["data"]["createContainer"]["container"]["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn upload(&self, container: &str, image: Bytes) {
        let query = "mutation ($container: ID!, $file: Upload!) {
            uploadImage(input: { containerId: $container, image: { upload: $file } }) { image { id } }
        }";
        self.send_image(query, json!({ "container": container }), image).await;
    }

    /// The data of a request whose variable `file` is `image`.
    pub(crate) async fn send_image(&self, query: &str, mut variables: Value, image: Bytes) -> Value {
        variables["file"] = Value::Null;
        let operations = json!({ "query": query, "variables": variables });
        let form = Form::new()
            .text("operations", operations.to_string())
            .text("map", r#"{"0":["variables.file"]}"#)
            .part("0", Part::stream(image).file_name("photo.jpg"));
        let mut answer: Value = self
            .http
            .post(self.url())
            .header("Apollo-Require-Preflight", "1")
            .multipart(form)
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        assert!(answer["errors"].is_null(), "{answer}");
        answer["data"].take()
    }

    /// Waits until nothing in `containers` is PROCESSING.
    pub(crate) async fn wait_until_settled(&self, containers: &[String]) {
        for id in containers {
            let query = "query ($id: ID!) { container(id: $id) { settled } }";
            while self.query(query, json!({ "id": id })).await["data"]["container"]["settled"] != true {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }
}
