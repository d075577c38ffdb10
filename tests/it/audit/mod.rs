//! The audit log: every mutation and every returned vector or image leaves an entry, whatever the schema contains; and
//! changes to the log are detected.

mod commands;
mod flood;
mod killed;
mod mutations;
mod reads;
mod schema;

use std::collections::BTreeSet;

use entity::audit_entry::{Column, Entity, Model};
use faceql::store::database::{Database, DatabaseConfig};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::Value;

use crate::support::client::read;
use crate::support::server::config;
use crate::support::{Client, TestServer};

/// Sends a request with its own request id; returns the whole response.
async fn send(client: &Client, id: &str, query: &str, variables: Value) -> Value {
    let body = serde_json::json!({ "query": query, "variables": variables });
    read(client.post().header("X-Request-Id", id).json(&body).send().await.unwrap()).await
}

/// Stops a server; returns the entries of its log.
async fn log_of(server: TestServer) -> Vec<Model> {
    let folder = server.stop_with_jobs().await;
    entries(&config(folder.path(), &[]).database).await
}

/// The entries of the log in a database.
pub(crate) async fn entries(config: &DatabaseConfig) -> Vec<Model> {
    let database = Database::open_beside(config).await.unwrap();
    let entries = Entity::find().order_by_asc(Column::Sequence).all(database.reader()).await.unwrap();
    database.close().await;
    entries
}

/// The entries of one request.
fn of<'a>(entries: &'a [Model], request: &str) -> Vec<&'a Model> {
    entries.iter().filter(|entry| entry.request == request).collect()
}

fn ids(entry: &Model) -> BTreeSet<String> {
    serde_json::from_str(&entry.ids).unwrap()
}

/// All ids in a response, at any depth.
fn ids_in(value: &Value) -> BTreeSet<String> {
    match value {
        Value::String(text) if is_id(text) => [text.clone()].into(),
        Value::Array(values) => values.iter().flat_map(ids_in).collect(),
        Value::Object(fields) => fields.values().flat_map(ids_in).collect(),
        _ => BTreeSet::new(),
    }
}

fn is_id(text: &str) -> bool {
    let id = |(prefix, rest): (&str, &str)| {
        prefix.bytes().all(|byte| byte.is_ascii_lowercase()) && rest.len() == 26
    };
    text.split_once('_').is_some_and(id)
}
