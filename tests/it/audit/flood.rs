//! The number of audit entries that a caller can cause is limited by cost and by combining entries.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::schema::{Schema, name};
use super::{log_of, of, send};
use crate::support::client::read;
use crate::support::{Client, TestServer, code};

/// Many aliased comparisons of an image that cannot be decoded.
fn comparisons(count: usize) -> String {
    let mut query = "mutation {".to_owned();
    for number in 0..count {
        let image = r#"{ base64: "AAAA" }"#;
        write!(query, " c{number}: compareFaces(input: {{ source: {image}, target: {image} }})").unwrap();
        query.push_str(" { sourceFace { confidence } }");
    }
    query + " }"
}

#[tokio::test]
async fn refused_comparisons_of_one_request_share_one_entry_and_too_many_leave_none() {
    let server = TestServer::start().await;
    let client = server.client();
    let refused = send(&client, "many", &comparisons(10), json!({})).await;
    assert_eq!(refused["errors"].as_array().unwrap().len(), 10, "{refused}");
    assert_eq!(code(&send(&client, "too many", &comparisons(50), json!({})).await), "QUERY_TOO_COSTLY");
    let flood = comparisons(10);
    let flood = (0..100).map(|number| {
        let (client, flood) = (&client, &flood);
        async move { send(client, &format!("flood-{number}"), flood, json!({})).await }
    });
    let answers = futures_util::future::join_all(flood).await;
    // The others were refused by the rate limit before they did anything.
    let executed = 1 + answers.iter().filter(|answer| code(answer) == "UNSUPPORTED_IMAGE").count();
    assert!(answers.iter().any(|answer| code(answer) == "RATE_LIMITED"), "all were executed");
    let log = log_of(server).await;
    let [entry] = of(&log, "many")[..] else { panic!("{log:?}") };
    assert_eq!((&*entry.act, &*entry.outcome, entry.times), ("compareFaces", "UNSUPPORTED_IMAGE", 10));
    let times: i64 = log.iter().map(|entry| entry.times).sum();
    assert_eq!(usize::try_from(times).unwrap(), 10 * executed);
    assert!(log.len() <= executed, "{} entries of {executed} requests", log.len());
}

/// The cost of a mutation, whether it succeeds or not.
async fn cost(client: &Client, query: &str, input: &Value) -> u64 {
    let body = json!({ "query": query, "variables": { "input": input } });
    let response = read(client.post().header("X-GraphQL-Cost", "1").json(&body).send().await.unwrap()).await;
    response["extensions"]["cost"].as_u64().unwrap_or_else(|| panic!("{response}"))
}

#[tokio::test]
async fn every_mutation_pays_for_its_entry_and_for_the_images_that_the_engine_processes() {
    let server = TestServer::start().await;
    let client = server.client();
    let schema = Schema::of(&client).await;
    for mutation in schema.mutations() {
        let input = schema.least_input(mutation);
        let pictures = input.to_string().matches("base64").count() as u64;
        let cost = cost(&client, &schema.document(mutation), &input).await;
        assert!(cost >= 20 + 800 * pictures.min(1), "{} costs {cost}", name(mutation));
    }
    server.stop_with_jobs().await;
}

#[tokio::test]
async fn every_image_of_an_enrollment_is_paid_for() {
    let settings = [("FACEQL_MAX_QUERY_COST", "3000"), ("FACEQL_RATE_COST_PER_SECOND", "1")];
    let server = TestServer::with(&settings).await;
    let client = server.client();
    let enroll = "mutation($input: EnrollPersonInput!) { enrollPerson(input: $input) { rejected { code } } }";
    let input = |pictures: usize| {
        let images = vec![json!({ "base64": "AAAA" }); pictures];
        let consent = json!({ "grantedAt": "2026-01-31T12:00:00Z" });
        json!({ "input": { "externalId": "joe", "consent": consent, "images": images } })
    };
    assert_eq!(client.refusal(enroll, input(4)).await, "RATE_LIMITED");
    let response = client.send(enroll, input(1)).await;
    assert!(response.get("errors").is_none() || code(&response) != "RATE_LIMITED", "{response}");
    server.stop().await;
}
