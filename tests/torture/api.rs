//! GraphQL over HTTP to a server that may be killed at any moment or run out of disk space.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::Error;

/// Error codes of a server that is out of space. The request has changed nothing then.
const NO_ROOM: [&str; 2] = ["STORAGE_UNAVAILABLE", "OVERLOADED"];
/// Maximum time that a response may take.
const TIMEOUT: Duration = Duration::from_secs(45);

/// A client of one server process. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    url: String,
    is_gone: Arc<AtomicBool>,
    log: Arc<Mutex<Log>>,
}

/// The outcomes of the requests.
#[derive(Default)]
pub(crate) struct Log {
    /// Request ids of changes that were acknowledged.
    pub(crate) acknowledged: Vec<String>,
    /// Number of requests refused for lack of space.
    pub(crate) refused: usize,
    /// Number of requests whose responses were lost.
    pub(crate) lost: usize,
}

/// When the audit log must have an entry for a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noted {
    /// As soon as it is acknowledged.
    WithTheChange,
    /// Some time later; a server that is killed before may lose it.
    Later,
}

/// The outcome of a request.
pub(crate) enum Answer {
    /// It was executed, with this result.
    Done(Value),
    /// It was refused for lack of space: it changed nothing.
    Refused,
    /// The server died: the request was executed completely or not at all.
    Lost,
}

impl Api {
    /// A client of the API at `url`.
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        // If a provider is installed already, it is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        Ok(Self { client, url: url.to_owned(), is_gone: Arc::default(), log: Arc::default() })
    }

    /// Whether the server responds.
    pub(crate) async fn answers(&self) -> bool {
        let ask = self.client.post(&self.url).json(&json!({ "query": "{ __typename }" }));
        ask.send().await.is_ok()
    }

    /// Whether a response was lost: the server is dead.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    /// The outcomes of the requests so far.
    pub(crate) fn take_log(&self) -> Log {
        std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends a query, which must succeed; `at` is a JSON pointer below `data`.
    pub(crate) async fn ask(&self, query: &str, variables: Value, at: &str) -> Result<Value, Error> {
        let body = json!({ "query": query, "variables": variables });
        let answer: Value = self.client.post(&self.url).json(&body).send().await?.json().await?;
        match answer.get("errors") {
            Some(errors) => Err(format!("a query failed: {errors}").into()),
            None => Ok(answer.pointer(&format!("/data{at}")).cloned().unwrap_or_default()),
        }
    }

    /// Sends a mutation; `at` is a JSON pointer below `data`.
    pub(crate) async fn change(&self, query: &str, variables: Value, at: &str) -> Result<Answer, Error> {
        let body = json!({ "query": query, "variables": variables });
        self.send(self.client.post(&self.url).json(&body), at, Noted::WithTheChange).await
    }

    /// Sends a mutation with an image, which is the variable `file`.
    pub(crate) async fn change_by_picture(
        &self,
        query: &str,
        variables: Value,
        picture: Vec<u8>,
        at: &str,
    ) -> Result<Answer, Error> {
        self.send(self.form(query, &variables, picture), at, Noted::WithTheChange).await
    }

    /// Searches by an image, which is the variable `file`. Searches are written to the audit log soon after their
    /// response.
    pub(crate) async fn search_by_picture(
        &self,
        query: &str,
        variables: Value,
        picture: Vec<u8>,
        at: &str,
    ) -> Result<Answer, Error> {
        self.send(self.form(query, &variables, picture), at, Noted::Later).await
    }

    fn form(&self, query: &str, variables: &Value, picture: Vec<u8>) -> RequestBuilder {
        let operations = json!({ "query": query, "variables": variables }).to_string();
        let form = Form::new().text("operations", operations).text("map", r#"{"0": ["variables.file"]}"#);
        self.client.post(&self.url).multipart(form.part("0", Part::bytes(picture).file_name("picture")))
    }

    async fn send(&self, request: RequestBuilder, at: &str, noted: Noted) -> Result<Answer, Error> {
        let id = format!("torture-{:016x}", fastrand::u64(..));
        // An upload needs a header that another site's form cannot send.
        let request = request.header("Apollo-Require-Preflight", "1").header("X-Request-Id", &id);
        let answer = match request.send().await {
            Ok(answer) => answer.json::<Value>().await,
            Err(error) => Err(error),
        };
        let Ok(answer) = answer else {
            self.is_gone.store(true, Ordering::Relaxed);
            self.note(|log| log.lost += 1);
            return Ok(Answer::Lost);
        };
        let Some(errors) = answer.get("errors") else {
            if noted == Noted::WithTheChange {
                self.note(|log| log.acknowledged.push(id));
            }
            return Ok(Answer::Done(answer.pointer(&format!("/data{at}")).cloned().unwrap_or_default()));
        };
        let code = errors.pointer("/0/extensions/code").and_then(Value::as_str).unwrap_or_default();
        if NO_ROOM.contains(&code) {
            self.note(|log| log.refused += 1);
            return Ok(Answer::Refused);
        }
        Err(format!("a change was refused: {errors}").into())
    }

    fn note(&self, note: impl FnOnce(&mut Log)) {
        note(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
