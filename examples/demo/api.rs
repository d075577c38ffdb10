//! GraphQL over HTTP: queries as JSON, uploads as GraphQL multipart requests.

use reqwest::Client;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Error;

/// A client of one server.
pub(crate) struct Api {
    client: Client,
    url: String,
}

/// A container with its images and their results.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container {
    pub(crate) images: Vec<Image>,
    /// Absent until two faces can be compared.
    pub(crate) comparison: Option<Comparison>,
}

#[derive(Deserialize)]
pub(crate) struct Image {
    pub(crate) sha256: String,
    pub(crate) encodings: Vec<Encoding>,
}

#[derive(Deserialize)]
pub(crate) struct Encoding {
    pub(crate) id: String,
    pub(crate) vector: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Comparison {
    pub(crate) same_person: bool,
    pub(crate) pairs: Vec<Pair>,
}

#[derive(Deserialize)]
pub(crate) struct Pair {
    pub(crate) a: EncodingId,
    pub(crate) b: EncodingId,
    pub(crate) distance: f64,
    pub(crate) similarity: f64,
    pub(crate) decision: String,
}

#[derive(Deserialize)]
pub(crate) struct EncodingId {
    pub(crate) id: String,
}

impl Api {
    /// A client of the server at `url`, for example `http://127.0.0.1:8080`.
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        // If a provider is installed already, it is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self { client: Client::builder().no_proxy().build()?, url: url.trim_end_matches('/').into() })
    }

    /// The server's address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether a FaceQL responds there that is ready and needs no key.
    pub(crate) async fn is_ready(&self) -> bool {
        let answer: Result<Value, Error> =
            self.ask("{ service { ready } }", json!({}), "/service/ready").await;
        answer.is_ok_and(|ready| ready == true)
    }

    /// Creates a container and returns its id.
    pub(crate) async fn create_container(&self) -> Result<String, Error> {
        let document =
            "mutation { createContainer(input: { metadata: { from: \"demo\" } }) { container { id } } }";
        self.ask(document, json!({}), "/createContainer/container/id").await
    }

    /// Uploads an image as a file part; returns its id as soon as it is stored.
    pub(crate) async fn upload_image(
        &self,
        container: &str,
        name: &'static str,
        bytes: Vec<u8>,
    ) -> Result<String, Error> {
        let operations = json!({
            "query": "mutation ($container: ID!, $file: Upload!) {
                uploadImage(input: { containerId: $container, image: { upload: $file } }) { image { id } }
            }",
            "variables": { "container": container, "file": null },
        });
        let form = Form::new()
            .text("operations", operations.to_string())
            .text("map", json!({ "0": ["variables.file"] }).to_string())
            .part("0", Part::bytes(bytes).file_name(name));
        let answer = self
            .client
            .post(self.endpoint())
            // An upload without this header could come from another site's page.
            .header("Apollo-Require-Preflight", "1")
            .multipart(form)
            .send()
            .await?;
        read(answer.json().await?, "/uploadImage/image/id")
    }

    /// Reads a container with its encodings and their comparison.
    pub(crate) async fn container(&self, id: &str) -> Result<Container, Error> {
        let document = "query ($id: ID!) {
            container(id: $id) {
                images { sha256 encodings { id vector } }
                comparison { samePerson pairs { a { id } b { id } distance similarity decision } }
            }
        }";
        self.ask(document, json!({ "id": id }), "/container").await
    }

    async fn ask<T: DeserializeOwned>(&self, document: &str, variables: Value, at: &str) -> Result<T, Error> {
        let body = json!({ "query": document, "variables": variables });
        let answer = self.client.post(self.endpoint()).json(&body).send().await?;
        read(answer.json().await?, at)
    }

    fn endpoint(&self) -> String {
        format!("{}/graphql", self.url)
    }
}

/// The part of `answer` below `data` at the JSON pointer `at`, or its first error.
pub(crate) fn read<T: DeserializeOwned>(mut answer: Value, at: &str) -> Result<T, Error> {
    if let Some(error) = answer.pointer("/errors/0") {
        let text = |at: &str| error.pointer(at).and_then(Value::as_str).unwrap_or("?");
        return Err(format!("the server says {}: {}", text("/extensions/code"), text("/message")).into());
    }
    let value = answer.pointer_mut(&format!("/data{at}")).map(Value::take);
    Ok(serde_json::from_value(value.unwrap_or_default())?)
}
