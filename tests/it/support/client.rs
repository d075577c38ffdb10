//! A client of GraphQL over HTTP.

use std::net::SocketAddr;

use reqwest::multipart::{Form, Part};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const CREATE: &str = "mutation { createContainer { container { id } } }";
const DELETE: &str =
    "mutation($id: ID!) { deleteContainer(input: {containerId: $id}) { deletedContainerId } }";
const IMAGE: &str = "image { id status revision attempts error { code } encodings { vector } }";

/// Sends requests to one server, with a key or without.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) address: SocketAddr,
    key: Option<String>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, key: Option<String>) -> Self {
        Self { http: http(), address, key }
    }

    pub(crate) fn post(&self) -> RequestBuilder {
        let request = self.http.post(format!("http://{}/graphql", self.address));
        let request = request.header("Apollo-Require-Preflight", "1");
        match &self.key {
            Some(key) => request.header("X-API-Key", key),
            None => request,
        }
    }

    /// The whole response.
    pub(crate) async fn send(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        read(self.post().json(&body).send().await.unwrap()).await
    }

    /// The response's data; there must be no error.
    pub(crate) async fn data(&self, query: &str, variables: Value) -> Value {
        let mut response = self.send(query, variables).await;
        assert!(response.get("errors").is_none(), "{response}");
        response["data"].take()
    }

    /// The code of the response's error, which must have one.
    pub(crate) async fn refusal(&self, query: &str, variables: Value) -> String {
        code(&self.send(query, variables).await).to_owned()
    }

    /// The code of the response's error, if it has one.
    pub(crate) async fn refusal_or_none(&self, query: &str) -> Option<String> {
        let response = self.send(query, json!({})).await;
        response.get("errors").map(|_| code(&response).to_owned())
    }

    /// The key that it sends.
    pub(crate) fn key(&self) -> &str {
        self.key.as_deref().unwrap_or_default()
    }

    pub(crate) async fn create_container(&self) -> String {
        text(&self.data(CREATE, json!({})).await["createContainer"]["container"]["id"])
    }

    pub(crate) async fn delete_container(&self, id: &str) {
        self.data(DELETE, json!({ "id": id })).await;
    }

    /// Uploads by multipart; returns the image, which is PROCESSING.
    pub(crate) async fn upload(&self, container: &str, bytes: Vec<u8>) -> Value {
        let mut response = self.try_upload(container, bytes, None).await;
        assert!(response.get("errors").is_none(), "{response}");
        response["data"]["uploadImage"]["image"].take()
    }

    /// Uploads by multipart; returns the whole response.
    pub(crate) async fn try_upload(&self, container: &str, bytes: Vec<u8>, key: Option<&str>) -> Value {
        let form = upload_form(container, key).part("file", Part::bytes(bytes).file_name("photo.jpg"));
        read(self.post().multipart(form).send().await.unwrap()).await
    }

    /// Uploads by multipart to a server that may die; returns the id of the image if it was acknowledged.
    pub(crate) async fn upload_while_alive(&self, container: &str, bytes: Vec<u8>) -> Option<String> {
        let form = upload_form(container, None).part("file", Part::bytes(bytes).file_name("photo.jpg"));
        let answer = self.post().multipart(form).send().await.ok()?.bytes().await.ok()?;
        let answer: Value = serde_json::from_slice(&answer).ok()?;
        Some(text(&answer["data"]["uploadImage"]["image"]["id"]))
    }

    /// Uploads by base64; returns the whole response.
    pub(crate) async fn try_upload_base64(&self, container: &str, text: &str) -> Value {
        let query = format!(
            "mutation($id: ID!, $text: String!) {{
                uploadImage(input: {{containerId: $id, image: {{base64: $text}}}}) {{ {IMAGE} }}
            }}"
        );
        self.send(&query, json!({ "id": container, "text": text })).await
    }

    pub(crate) async fn retry(&self, image: &str) -> Value {
        let query = format!("mutation($id: ID!) {{ retryImage(input: {{imageId: $id}}) {{ {IMAGE} }} }}");
        self.send(&query, json!({ "id": image })).await
    }

    /// A container with the fields of `selection`.
    pub(crate) async fn container(&self, id: &str, selection: &str) -> Value {
        let query = format!("query($id: ID!) {{ container(id: $id) {{ {selection} }} }}");
        self.data(&query, json!({ "id": id })).await["container"].take()
    }
}

/// An HTTP client with the process's TLS provider.
pub(crate) fn http() -> reqwest::Client {
    // Already installed if another test of this process ran before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// The parts of an upload before its file, which is named `file`.
pub(crate) fn upload_form(container: &str, key: Option<&str>) -> Form {
    let query = format!(
        "mutation($id: ID!, $file: Upload!, $key: String) {{
            uploadImage(input: {{containerId: $id, image: {{upload: $file}}, idempotencyKey: $key}}) {{ {IMAGE} }}
        }}"
    );
    let mut variables = json!({ "id": container, "file": null });
    if let Some(key) = key {
        variables["key"] = json!(key);
    }
    let operations = json!({ "query": query, "variables": variables }).to_string();
    Form::new().text("operations", operations).text("map", r#"{"file": ["variables.file"]}"#)
}

/// The code of a response's first error.
pub(crate) fn code(response: &Value) -> &str {
    response["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("no code in {response}"))
}

/// A string of a response.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Reads a GraphQL response, whatever its status.
pub(crate) async fn read(response: Response) -> Value {
    let body = response.text().await.unwrap();
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// Sends raw bytes, and reads the status and the body of the response while the connection stays open.
pub(crate) async fn raw(address: SocketAddr, request: &[u8]) -> (u16, Value) {
    let (receive, mut send) = TcpStream::connect(address).await.unwrap().into_split();
    // The server may respond and close the connection before it has read everything.
    let _ = send.write_all(request).await;
    let (mut receive, mut line, mut length) = (BufReader::new(receive), String::new(), 0);
    receive.read_line(&mut line).await.unwrap();
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("no HTTP answer");
    while line.trim() != "" {
        line.clear();
        receive.read_line(&mut line).await.unwrap();
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    receive.read_exact(&mut body).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}
