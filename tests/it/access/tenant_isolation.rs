//! Calls every field of the schema as one tenant, with everything it could know about another tenant: no data crosses.
//! New fields are included automatically.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::access::tenants::{ACME, OTHER};
use crate::people::picture;
use crate::support::schema::{Fill, RootField, Schema, UNLIMITED};
use crate::support::server::eventually;
use crate::support::{Client, TestServer, photo};

/// The data of one tenant: an id of each kind, and the cursors that another tenant might send.
struct Holdings {
    ids: Vec<String>,
    cursors: Vec<String>,
    /// Texts that must not be in any response to another tenant.
    marks: BTreeSet<String>,
}

/// Fills arguments with what a caller could know about another tenant's data.
struct Knowing<'a> {
    id: &'a str,
    cursor: Option<&'a str>,
    image: &'a str,
    by_key: bool,
}

impl Fill for Knowing<'_> {
    fn scalar(&self, name: &str, of: &str) -> Option<Value> {
        Some(match (of, name) {
            ("ID", _) => json!(self.id),
            ("String", "after") => json!(self.cursor?),
            ("String", "gallery") => json!("default"),
            ("String", "externalId" | "search" | "idempotencyKey") => json!("known-to-both"),
            ("String", "base64") => json!(self.image),
            ("String", "strokeDashes" | "label") | ("JSON", _) => return None,
            ("String", _) => json!("from elsewhere"),
            ("DateTime", _) => json!("2026-01-31T12:00:00Z"),
            ("Int", "first" | "topK") => json!(20),
            ("Int", "ttlSeconds") => json!(600),
            ("Boolean", "embedImage") => json!(true),
            ("Int", _) => json!(1),
            ("Float", _) => json!(0.5),
            ("Boolean", _) => json!(false),
            _ => return None,
        })
    }

    fn choice<'a>(&self, of: &str, fields: &[&'a str]) -> &'a str {
        let wanted = match of {
            "ImageInput" => "base64",
            "PersonRef" if self.by_key => "key",
            "PersonRef" => "id",
            _ => panic!("add a choice among the fields of {of}"),
        };
        fields.iter().find(|field| **field == wanted).unwrap()
    }
}

/// The responses to a field, called with each id, each cursor and each way to reference a person.
async fn answers(client: &Client, field: &RootField<'_>, holdings: &Holdings, image: &str) -> Vec<String> {
    let mut calls = BTreeSet::new();
    let cursors = holdings.cursors.iter().map(|cursor| Some(cursor.as_str())).chain([None]);
    for cursor in cursors {
        for id in &holdings.ids {
            for by_key in [false, true] {
                let (query, variables) = field.call(&Knowing { id, cursor, image, by_key });
                calls.insert((query, variables.to_string()));
            }
        }
    }
    let mut answers = Vec::new();
    for (query, variables) in calls {
        let body = json!({ "query": query, "variables": serde_json::from_str::<Value>(&variables).unwrap() });
        let answer = match field.operation {
            "subscription" => stream(client, &body).await,
            _ => client.post().json(&body).send().await.unwrap().text().await.unwrap(),
        };
        let unfit = ["GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "QUERY_TOO_COSTLY", "TIMEOUT"];
        assert!(!unfit.iter().any(|code| answer.contains(code)), "{query}: {answer}");
        answers.push(answer);
    }
    answers
}

/// The first event of a subscription.
pub(crate) async fn stream(client: &Client, body: &Value) -> String {
    let mut response = client.post().header("accept", "text/event-stream").json(body).send().await.unwrap();
    let mut told = Vec::new();
    while let Ok(Ok(Some(chunk))) = timeout(Duration::from_millis(300), response.chunk()).await {
        told.extend_from_slice(&chunk);
    }
    String::from_utf8(told).unwrap()
}

/// Creates one object of each kind.
async fn fill(client: &Client) -> Holdings {
    let image = picture(&photo("obama.jpg"));
    let made = client
        .data(
            r#"mutation($image: ImageInput!, $landmarks: [PointInput!]!) {
                createContainer(input: { metadata: { mark: "mark-of-metadata" }, idempotencyKey: "known-to-both" }) {
                    container { id } }
                enrollPerson(input: {
                    externalId: "known-to-both", displayName: "mark-of-name", images: [$image],
                    metadata: { mark: "mark-of-person" },
                    consent: { grantedAt: "2026-01-31T12:00:00Z", reference: "mark-of-consent" }
                }) { person { id faces { id } } }
                startEnrollment(input: {
                    externalId: "somebody-else", displayName: "mark-of-session",
                    consent: { grantedAt: "2026-01-31T12:00:00Z", reference: "mark-of-session" }
                }) { enrollment { id } }
                submitDetection(input: { image: $image }) { detection { id } }
                submitContour(input: { image: $image, segmentationMap: $image, landmarks: $landmarks }) {
                    contour { id } }
            }"#,
            json!({ "image": image, "landmarks": [{ "x": 300, "y": 400 }, { "x": 500, "y": 400 }] }),
        )
        .await;
    let container = made["createContainer"]["container"]["id"].as_str().unwrap();
    let uploaded = client.upload(container, photo("obama.jpg")).await;
    let (person, detection) = (&made["enrollPerson"]["person"], &made["submitDetection"]["detection"]["id"]);
    let contour = &made["submitContour"]["contour"]["id"];
    let query = "query($container: ID!, $detection: ID!, $contour: ID!) {
        container(id: $container) { settled images { encodings { id vector } } }
        detection(id: $detection) { status } contour(id: $contour) { status }
        containers { pageInfo { endCursor } } people { pageInfo { endCursor } } detections { pageInfo { endCursor } } }";
    let variables = json!({ "container": container, "detection": detection, "contour": contour });
    let ended = |job: &Value| job["status"] == "COMPLETED" || job["status"] == "FAILED";
    eventually(async || {
        let now = client.data(query, variables.clone()).await;
        now["container"]["settled"] == true && ended(&now["detection"]) && ended(&now["contour"])
    })
    .await;
    let now = client.data(query, variables).await;
    let encoding = &now["container"]["images"][0]["encodings"][0];
    let ids = [
        &json!(container),
        &uploaded["id"],
        &encoding["id"],
        &person["id"],
        &person["faces"][0]["id"],
        &made["startEnrollment"]["enrollment"]["id"],
        detection,
        contour,
    ];
    let ids: Vec<String> = ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    let feed = json!({ "query": "subscription { detectionFeed(after: null) { cursor } }" });
    let told = stream(client, &feed).await;
    let cursor_of = |list: &str| now[list]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
    let mut cursors: Vec<String> = ["containers", "people", "detections"].map(cursor_of).into();
    cursors
        .extend(told.split_once(r#""cursor":""#).map(|(_, rest)| rest.split('"').next().unwrap().to_owned()));
    let mut marks: BTreeSet<String> = ids.iter().cloned().collect();
    let planted = ["metadata", "person", "name", "consent", "session"];
    marks.extend(planted.map(|planted| format!("mark-of-{planted}")));
    marks.insert(encoding["vector"][0].to_string());
    Holdings { ids, cursors, marks }
}

/// The marks that some texts contain.
fn shown<'a>(texts: &[String], marks: &'a BTreeSet<String>) -> BTreeSet<&'a str> {
    let shows = |mark: &&String| texts.iter().any(|text| text.contains(mark.as_str()));
    marks.iter().filter(shows).map(String::as_str).collect()
}

/// Everything that a tenant can read, by field.
async fn readable(
    client: &Client,
    schema: &Schema,
    holdings: &Holdings,
    image: &str,
) -> BTreeMap<String, Vec<Value>> {
    let fields = schema.fields("query").into_iter().filter(|field| field.name != "service");
    let fields: Vec<RootField<'_>> = fields.collect();
    let read = join_all(fields.iter().map(|field| answers(client, field, holdings, image))).await;
    let read = read.iter().map(|answers| answers.iter().map(|answer| without_times(answer)).collect());
    fields.iter().map(|field| field.name.to_owned()).zip(read).collect()
}

/// A response without the query strings of its links, which change with the time.
fn without_times(answer: &str) -> Value {
    let mut parts = answer.split("?expires=");
    let first = parts.next().unwrap_or_default().to_owned();
    let text = parts.fold(first, |text, part| text + &part[part.find('"').unwrap()..]);
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn no_field_of_the_schema_exposes_data_of_another_tenant() {
    let keys = format!("acme:{ACME}, other:{OTHER}");
    let server = TestServer::with(&[&[("FACEQL_API_KEY", &*keys)], &UNLIMITED[..]].concat()).await;
    let (acme, other) = (server.client_with_key(ACME), server.client_with_key(OTHER));
    let schema = Schema::of(&acme).await;
    let holdings = fill(&acme).await;
    let Value::String(image) = picture(&photo("biden.jpg"))["base64"].take() else { panic!("no text") };
    let before = readable(&acme, &schema, &holdings, &image).await;
    for (field, answers) in &before {
        let shown = shown(&answers.iter().map(Value::to_string).collect::<Vec<_>>(), &holdings.marks);
        assert!(
            field == "galleries" || !shown.is_empty(),
            "{field} returns nothing to its own tenant: {answers:?}"
        );
    }

    for operation in ["query", "subscription", "mutation"] {
        for field in schema.fields(operation) {
            let answers = answers(&other, &field, &holdings, &image).await;
            let crossed = shown(&answers, &holdings.marks);
            assert!(crossed.is_empty(), "{} exposes {crossed:?} of another tenant", field.name);
        }
    }
    let after = readable(&acme, &schema, &holdings, &image).await;
    for (field, answers) in &before {
        assert_eq!(answers, &after[field], "{field} has been changed by another tenant");
    }

    // The same calls succeed with the caller's own ids, so the others were refused because of the tenant and nothing
    // else.
    let mut own = schema.fields("mutation");
    own.sort_by_key(|field| field.name.starts_with("delete") || field.name.starts_with("cancel"));
    let own = schema.fields("subscription").into_iter().chain(own);
    for field in own {
        let answers = answers(&acme, &field, &holdings, &image).await;
        let reached = answers.iter().any(|answer| {
            !["NOT_FOUND", "INVALID_ID", "BAD_USER_INPUT"].iter().any(|code| answer.contains(code))
        });
        assert!(reached, "{} finds nothing: {answers:?}", field.name);
    }
    server.stop_with_jobs().await;
}
