//! The limits and the cost of operations.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::client::read;
use crate::support::{Client, Socket, TestServer, code, drawn};

async fn refusal(client: &Client, query: &str) -> String {
    client.refusal(query, json!({})).await
}

/// The cost of an operation.
async fn cost(client: &Client, query: &str, variables: Value) -> u64 {
    let body = json!({ "query": query, "variables": variables });
    let response = read(client.post().header("X-GraphQL-Cost", "1").json(&body).send().await.unwrap()).await;
    response["extensions"]["cost"].as_u64().unwrap_or_else(|| panic!("{response}"))
}

/// That many fragments, each of which spreads the next one twice.
fn doubling(fragments: usize) -> String {
    let mut query = "{ service { ...f0 } }".to_owned();
    for number in 0..fragments {
        let next = number + 1;
        write!(query, " fragment f{number} on Service {{ ...f{next} ...f{next} }}").unwrap();
    }
    write!(query, " fragment f{fragments} on Service {{ version }}").unwrap();
    query
}

#[tokio::test]
async fn cost_multiplies_through_page_sizes_and_variables() {
    let server = TestServer::start().await;
    let client = server.client();
    assert_eq!(cost(&client, "{ service { version } }", json!({})).await, 2);
    let query = "query($first: Int = 10) { containers(first: $first) { nodes { id images { id } } } }";
    let (ten, hundred) =
        (cost(&client, query, json!({})).await, cost(&client, query, json!({ "first": 100 })).await);
    assert!(ten > 10 * 5 && hundred > 9 * ten, "{ten} and {hundred}");
    let plain = client.send("{ service { version } }", json!({})).await;
    assert!(plain.get("extensions").is_none(), "it is reported on request only");
    server.stop().await;
}

#[tokio::test]
async fn cost_is_reported_for_every_request_of_a_batch_and_once_in_a_stream() {
    let server = TestServer::with(&[("FACEQL_MAX_BATCH", "2")]).await;
    let client = server.client();
    let asking = |body: &Value| client.post().header("X-GraphQL-Cost", "1").json(body);
    let version = json!({ "query": "{ service { version } }" });
    let nothing = json!({ "query": "{ nothing }" });
    let answers = asking(&json!([version, nothing])).send().await.unwrap();
    assert!(answers.headers().contains_key("ratelimit"));
    let answers = read(answers).await;
    assert_eq!((&answers[0]["extensions"]["cost"], answers[1].get("extensions")), (&json!(2), None));

    let container = client.create_container().await;
    client.upload(&container, drawn(1)).await;
    let follow = format!(
        r#"subscription {{ imageStatusChanged(containerId: "{container}", untilSettled: true) {{ status }} }}"#
    );
    for document in ["{ service { version } }", &follow] {
        let request = asking(&json!({ "query": document })).header("Accept", "text/event-stream");
        let events = request.send().await.unwrap().text().await.unwrap();
        assert_eq!(events.matches(r#""extensions":{"cost":"#).count(), 1, "{events}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_repeated_document_has_the_same_cost_and_the_same_refusal() {
    let server = TestServer::with(&[("FACEQL_MAX_QUERY_COST", "100")]).await;
    let client = server.client();
    for _ in 0..3 {
        assert_eq!(cost(&client, "{ service { version } }", json!({})).await, 2);
        assert_eq!(refusal(&client, "{ nothing }").await, "GRAPHQL_VALIDATION_FAILED");
        assert_eq!(refusal(&client, "{ containers(first: 90) { nodes { id } } }").await, "QUERY_TOO_COSTLY");
        // The cost depends on the variables.
        let list = "query ($first: Int) { containers(first: $first) { nodes { id } } }";
        assert_eq!(client.refusal(list, json!({ "first": 90 })).await, "QUERY_TOO_COSTLY");
        assert!(cost(&client, list, json!({ "first": 9 })).await < 100);
    }
    server.stop().await;
}

#[tokio::test]
async fn refusal_of_a_costly_operation_reports_its_cost_and_the_limit() {
    let server = TestServer::with(&[("FACEQL_MAX_QUERY_COST", "500")]).await;
    let client = server.client();
    let response = client.send("{ containers(first: 100) { nodes { images { id } } } }", json!({})).await;
    assert_eq!(code(&response), "QUERY_TOO_COSTLY");
    let extensions = &response["errors"][0]["extensions"];
    assert!(extensions["cost"].as_u64().unwrap() > 500 && extensions["limit"] == 500, "{extensions}");
    client.data("{ containers(first: 2) { nodes { images { id } } } }", json!({})).await;
    // Numbers out of range are refused as such, and still count towards the cost.
    let minus = refusal(&client, "{ containers(first: -1000000) { nodes { id } } }").await;
    assert_eq!(minus, "BAD_USER_INPUT");
    server.stop().await;
}

#[tokio::test]
async fn documents_that_expand_exponentially_are_refused_immediately() {
    let server = TestServer::start().await;
    let client = server.client();
    // Expanded it would have two billion fields: only a server that measures each fragment once can respond.
    assert_eq!(refusal(&client, &doubling(31)).await, "QUERY_TOO_COSTLY");
    assert_eq!(refusal(&client, &doubling(13)).await, "QUERY_TOO_COSTLY", "8,192 fields");
    assert!(client.send(&doubling(8), json!({})).await.get("errors").is_none());
    let endless = "{ service { ...a } } fragment a on Service { ...b } fragment b on Service { ...a ...a }";
    assert_eq!(refusal(&client, endless).await, "GRAPHQL_VALIDATION_FAILED");
    let mut socket = Socket::connect(&server).await;
    socket.subscribe("1", &doubling(31), json!({})).await;
    let error = socket.message().await.unwrap();
    assert_eq!(error["payload"][0]["extensions"]["code"], "QUERY_TOO_COSTLY");
    // A missing fragment has no size, and is expanded as often.
    let missing = doubling(31).replace("fragment f31 ", "fragment other ");
    for operation in ["{ service { ...f0 } }", "mutation { ...f0 }", "subscription { ...f0 }"] {
        let document = missing.replace("{ service { ...f0 } }", operation);
        socket.subscribe("2", &document, json!({})).await;
        let error = socket.message().await.unwrap();
        assert_eq!(error["payload"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED", "{operation}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_fragment_costs_as_much_as_its_content_in_place() {
    let server = TestServer::start().await;
    let client = server.client();
    let ids = vec![client.create_container().await; 100];
    let content = "images { encodings { id vector } container { images { id } } }";
    let document = |spread: &str, fragments: &str| {
        format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {spread} }} }} {fragments}")
    };
    let inline = document(&format!("... on Container {{ {content} }}"), "");
    let named = document("...C", &format!("fragment C on Container {{ {content} }}"));
    let nested = document(
        "...N",
        &format!(
            "fragment N on Node {{ ...C }} fragment C on Container {{ ...D }} fragment D on Container {{ {content} }}"
        ),
    );
    let expected = cost(&client, &inline, json!({ "ids": ids })).await;
    assert!(expected > 1000, "{expected}");
    for document in [named, nested] {
        assert_eq!(cost(&client, &document, json!({ "ids": ids })).await, expected, "{document}");
    }
    server.stop().await;
}

#[tokio::test]
async fn size_and_shape_of_documents_are_limited() {
    let server = TestServer::start().await;
    let client = server.client();
    let (down, up) = ("images { container { ".repeat(10), "} } ".repeat(10));
    let deep = format!("{{ container(id: \"x\") {{ {down} id {up} }} }}");
    let many = |what: &str, count: usize| format!("{{ service {{ {} }} }}", what.repeat(count));
    let aliases: String = (0..101).fold(String::new(), |all, number| all + &format!("a{number}: version "));
    let arguments: String = (0..17).fold(String::new(), |all, number| all + &format!("a{number}: 1 "));
    let roots: String = (0..51).fold(String::new(), |all, _| all + "service { version } ");
    for (query, what) in [
        (format!("{{ service {{ version }} }} # {}", "x".repeat(70_000)), "bytes of text"),
        (format!("{{ containers(after: [{}]) {{ id }} }}", "1 ".repeat(10_000)), "tokens"),
        (deep, "levels of fields"),
        (many("version ", 5_000), "fields"),
        (format!("{{ service {{ {aliases} }} }}"), "aliases"),
        (many("version @include(if: true) ", 101), "directives"),
        (format!("{{ {roots} }}"), "root fields"),
        (format!("{{ {} }}", "x".repeat(300)), "bytes in a name"),
        (format!("{{ service {{ version({arguments}) }} }}"), "arguments in a field"),
    ] {
        let response = client.send(&query, json!({})).await;
        assert_eq!(code(&response), "QUERY_TOO_COSTLY");
        let message = response["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(&format!(" {what} or more; at most ")), "{what}: {message}");
    }
    server.stop().await;
}

#[tokio::test]
async fn unterminated_block_strings_are_refused_before_they_are_parsed() {
    let server = TestServer::start().await;
    let client = server.client();
    // The parser searches for the end of each and finds none, so often that it would take seconds.
    let endless = format!("{{ containers(after: [{}]) {{ id }} }}", r#""\"""""a" "#.repeat(3000));
    assert_eq!(refusal(&client, &endless).await, "GRAPHQL_PARSE_FAILED");
    let mut socket = Socket::connect(&server).await;
    socket.subscribe("1", &endless, json!({})).await;
    let error = socket.message().await.unwrap();
    assert_eq!(error["payload"][0]["extensions"]["code"], "GRAPHQL_PARSE_FAILED");
    let ended = r#"{ containers(after: """a "b" \""" """) { nodes { id } } }"#;
    assert_eq!(refusal(&client, ended).await, "BAD_USER_INPUT", "it was parsed");
    server.stop().await;
}
