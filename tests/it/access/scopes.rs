//! Calls every field of the schema with keys that lack its scope: each call is refused. New fields are included
//! automatically.

use serde_json::{Value, json};

use crate::access::tenant_isolation::stream;
use crate::support::schema::{Fill, RootField, Schema, UNLIMITED};
use crate::support::{Client, TestServer};

const READER: &str = "reads-alone-0123456789";
const WRITER: &str = "writes-alone-0123456789";
const ADMIN: &str = "admin-alone-0123456789";

/// Mutations only because they upload images: they change nothing.
const READING: [&str; 4] = ["identifyPerson", "identifyFaces", "verifyPerson", "compareFaces"];

/// Gives every argument some value of its type.
struct Anything;

impl Fill for Anything {
    fn scalar(&self, name: &str, of: &str) -> Option<Value> {
        Some(match of {
            "String" if name == "after" => return None,
            "ID" | "String" => json!("anything"),
            "DateTime" => json!("2026-01-31T12:00:00Z"),
            "Int" | "Float" => json!(1),
            "Boolean" => json!(false),
            _ => return None,
        })
    }

    fn choice<'a>(&self, _: &str, fields: &[&'a str]) -> &'a str {
        fields.iter().find(|field| **field == "base64").unwrap_or(&fields[0])
    }
}

/// Whether a client's key lacks the scope that the field itself requires, whatever is selected in it.
async fn is_refused(client: &Client, field: &RootField<'_>) -> bool {
    let (query, variables) = field.call(&Anything);
    let body = json!({ "query": query, "variables": variables });
    let answer = match field.operation {
        "subscription" => stream(client, &body).await,
        _ => client.post().json(&body).send().await.unwrap().text().await.unwrap(),
    };
    let unfit = ["GRAPHQL_VALIDATION_FAILED", "QUERY_TOO_COSTLY"];
    assert!(!unfit.iter().any(|code| answer.contains(code)), "{query}: {answer}");
    if field.operation == "subscription" {
        return answer.contains("\"FORBIDDEN\"");
    }
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors
        .iter()
        .any(|error| error["extensions"]["code"] == "FORBIDDEN" && error["path"] == json!([field.name]))
}

#[tokio::test]
async fn every_field_of_the_schema_requires_its_scope() {
    let keys = format!("acme:{READER}:read, acme:{WRITER}:write, acme:{ADMIN}:admin");
    let server = TestServer::with(&[&[("FACEQL_API_KEY", &*keys)], &UNLIMITED[..]].concat()).await;
    let [reader, writer, admin] = [READER, WRITER, ADMIN].map(|key| server.client_with_key(key));
    let schema = Schema::of(&reader).await;
    let mut astray = Vec::new();
    for operation in ["query", "subscription", "mutation"] {
        for field in schema.fields(operation) {
            let reads = operation != "mutation" || READING.contains(&field.name);
            let (others, own) = if reads { (&writer, &reader) } else { (&reader, &writer) };
            let refused = [
                is_refused(&admin, &field).await,
                is_refused(others, &field).await,
                is_refused(own, &field).await,
            ];
            if refused != [true, true, false] {
                astray.push((field.name, refused));
            }
        }
    }
    assert_eq!(
        astray,
        [],
        "(refused to admins, refused to keys of the other scope, refused to keys of the right scope)"
    );
    server.stop_with_jobs().await;
}
