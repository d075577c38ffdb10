//! Introspection costs what it resolves, and long executions are aborted.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::client::read;
use crate::support::server::eventually;
use crate::support::{Client, Socket, TestServer, code};

/// The query of GraphiQL, graphql-codegen, Apollo and Relay: graphql-js's `getIntrospectionQuery` with every option.
const STANDARD: &str = include_str!("introspection.graphql");

/// From every type to its interfaces, to their types and back, that many times. Each time multiplies the response by
/// eight.
fn back_and_forth(times: usize) -> String {
    format!("{}name{}", "interfaces{possibleTypes{".repeat(times), "}}".repeat(times))
}

fn deep(times: usize) -> String {
    format!("{{__schema{{types{{{}}}}}}}", back_and_forth(times))
}

/// A server whose cost limits accept operations that never end.
async fn without_limits_of_cost(more: &[(&'static str, &'static str)]) -> TestServer {
    let huge = [
        ("FACEQL_MAX_QUERY_COST", "1000000000"),
        ("FACEQL_RATE_COST_PER_SECOND", "0"),
        ("FACEQL_MAX_RESPONSE_BYTES", "1073741824"),
    ];
    TestServer::with(&[&huge, more].concat()).await
}

async fn cost_and_data(client: &Client, query: &str, variables: Value) -> (usize, Value) {
    let body = json!({ "query": query, "variables": variables });
    let mut response =
        read(client.post().header("X-GraphQL-Cost", "1").json(&body).send().await.unwrap()).await;
    let cost = response["extensions"]["cost"].as_u64().unwrap_or_else(|| panic!("{response}"));
    (usize::try_from(cost).unwrap(), response["data"].take())
}

/// All fields of all objects.
fn fields(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(fields).sum(),
        Value::Object(object) => object.len() + object.values().map(fields).sum::<usize>(),
        _ => 0,
    }
}

#[tokio::test]
async fn introspection_costs_the_fields_that_it_resolves_besides_those_of_its_text() {
    let server = TestServer::start().await;
    let client = server.client();
    let types = client.data("{ __schema { types { name } } }", json!({})).await;
    let types = types["__schema"]["types"].as_array().unwrap().len();
    let of_type =
        "kind name fields(includeDeprecated: true) { name type { name ofType { name ofType { name } } }
        args(includeDeprecated: true) { name type { kind } } }
        inputFields { name type { name } } enumValues { name } interfaces { name } possibleTypes { name }";
    let variable = "query($name: String! = \"Container\") { __type(name: $name) { fields { name } } }";
    for (query, variables, in_text) in [
        ("{ __schema { queryType { name } directives { name args { name } } } }", json!({}), 7),
        (&format!("{{ __schema {{ types {{ {of_type} }} }} }}"), json!({}), 26),
        (
            &format!(
                "{{ __schema {{ types {{ ...A }} }} }} fragment A on __Type {{ ...B }} fragment B on __Type {{ {of_type} }}"
            ),
            json!({}),
            26,
        ),
        (
            "{ __schema { a: types { name b: name } ... { c: types { ... on __Type { name } } } } }",
            json!({}),
            6,
        ),
        (
            "{ a: __type(name: \"Image\") { fields { name } } b: __type(name: \"Node\") { name possibleTypes { name } } }",
            json!({}),
            7,
        ),
        ("{ __type(name: \"Nothing\") { name } }", json!({}), 2),
        (variable, json!({}), 3),
        (variable, json!({ "name": "Mutation" }), 3),
        ("{ service { version } }", json!({}), 2),
    ] {
        let (cost, data) = cost_and_data(&client, query, variables).await;
        let roots = data.as_object().unwrap().keys().filter(|key| *key != "service").count();
        // The root resolver checks the visibility of every type.
        let resolved = if roots == 0 { 0 } else { fields(&data) - roots + roots * types };
        assert_eq!(cost, in_text + resolved, "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_query_of_common_tools_is_accepted_with_room_to_spare() {
    let server = TestServer::with(&[("FACEQL_MAX_QUERY_COST", "10000")]).await;
    let client = server.client();
    let (cost, data) = cost_and_data(&client, STANDARD, json!({})).await;
    assert!(cost >= fields(&data), "{cost}");
    assert_eq!(data["__schema"]["queryType"]["name"], "Query");
    assert_eq!(cost_and_data(&client, STANDARD, json!({})).await.0, cost, "a repeated query costs the same");
    server.stop().await;
}

#[tokio::test]
async fn introspection_that_multiplies_is_refused_in_every_form() {
    let server = TestServer::start().await;
    let client = server.client();
    let in_fragments = format!(
        "{{ ...A }} fragment A on Query {{ __schema {{ types {{ ...B }} }} }} fragment B on __Type {{ {} }}",
        back_and_forth(6)
    );
    let aliased = deep(6).replace("{__schema", "{ a: __schema { types { name } } b: __schema");
    for query in [deep(6), deep(7), in_fragments, aliased] {
        let response = client.send(&query, json!({})).await;
        assert_eq!(code(&response), "QUERY_TOO_COSTLY", "{query}");
        assert!(response["errors"][0]["extensions"]["cost"].as_u64().unwrap() > 20_000, "{response}");
    }

    let query = deep(6);
    let address = format!("http://{}/graphql?query={query}", client.address);
    let by_get = client.http.get(address).send().await.unwrap();
    assert_eq!(code(&read(by_get).await), "QUERY_TOO_COSTLY");

    let persisted =
        json!({ "persistedQuery": { "version": 1, "sha256Hash": hex::encode(Sha256::digest(&query)) } });
    for body in [json!({ "query": query, "extensions": persisted }), json!({ "extensions": persisted })] {
        let by_hash = client.post().json(&body).send().await.unwrap();
        assert_eq!(code(&read(by_hash).await), "QUERY_TOO_COSTLY");
    }

    let events = client.post().header("Accept", "text/event-stream").json(&json!({ "query": query }));
    let events = events.send().await.unwrap().text().await.unwrap();
    assert!(events.contains("QUERY_TOO_COSTLY"), "{events}");

    let mut socket = Socket::connect(&server).await;
    socket.subscribe("1", &query, json!({})).await;
    let error = socket.message().await.unwrap();
    assert_eq!(error["payload"][0]["extensions"]["code"], "QUERY_TOO_COSTLY");
    server.stop().await;
}

#[tokio::test]
async fn an_execution_that_never_waits_ends_at_its_time_limit() {
    let server = without_limits_of_cost(&[("FACEQL_REQUEST_TIMEOUT_SECONDS", "1")]).await;
    assert_eq!(server.client().refusal(&deep(8), json!({})).await, "TIMEOUT");
    server.stop().await;
}

#[tokio::test]
async fn an_execution_that_never_waits_ends_when_its_client_disconnects() {
    let server = without_limits_of_cost(&[("FACEQL_MAX_CONCURRENT_REQUESTS", "1")]).await;
    let client = server.client();
    let is_busy = async || client.refusal_or_none("{ __typename }").await.as_deref() == Some("OVERLOADED");
    let is_idle = async || !is_busy().await;

    let mut socket = Socket::connect(&server).await;
    socket.subscribe("1", &deep(8), json!({})).await;
    eventually(is_busy).await;
    socket.complete("1").await;
    eventually(is_idle).await;

    let body = json!({ "query": deep(8) });
    tokio::select! {
        answer = client.post().json(&body).send() => panic!("{answer:?}"),
        () = eventually(is_busy) => {}
    }
    eventually(is_idle).await;
    server.stop().await;
}
