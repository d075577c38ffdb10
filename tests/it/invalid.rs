//! Documents that come to nothing: what is told of them is bounded.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::{Socket, TestServer};

/// So many fields that are not there, each with a name of its own.
fn unknown_fields(count: usize) -> String {
    let mut document = "query { service {".to_owned();
    for number in 0..count {
        write!(document, " notThere{number:08}").unwrap();
    }
    document + " } }"
}

fn assert_few(errors: &Value, left_out: usize) {
    let listed = errors.as_array().unwrap();
    assert_eq!(listed.len(), 20);
    assert!(errors.to_string().len() < 10_000, "{errors}");
    let messages: Vec<&str> = listed.iter().map(|error| error["message"].as_str().unwrap()).collect();
    assert!(messages[0].contains("notThere00000000"), "{messages:?}");
    let told = format!("({left_out} more errors are left out)");
    assert_eq!(messages.iter().filter(|message| message.ends_with(&told)).count(), 1, "{messages:?}");
    assert!(messages[19].ends_with(&told), "{messages:?}");
    assert!(listed.iter().all(|error| error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"));
}

#[tokio::test]
async fn a_document_with_thousands_of_errors_is_told_the_first_of_them() {
    let server = TestServer::start().await;
    let client = server.client();
    let document = unknown_fields(2400);
    assert_few(&client.send(&document, json!({})).await["errors"], 2380);
    let few = client.send(&unknown_fields(20), json!({})).await;
    assert_eq!(few["errors"].as_array().unwrap().len(), 20);
    assert!(!few.to_string().contains("left out"), "{few}");

    let mut socket = Socket::connect(&server).await;
    socket.subscribe("1", &document, json!({})).await;
    assert_few(&socket.message().await.unwrap()["payload"], 2380);
    server.stop().await;
}

#[tokio::test]
async fn an_error_quotes_little_of_what_was_written() {
    let server = TestServer::start().await;
    for value in ["é".repeat(20_000), "x".repeat(40_000)] {
        let literal = json!(value).to_string();
        let enroll = |mode: &str| format!("enrollPerson(input: {{ mode: {mode} }}) {{ person {{ id }} }}");
        for document in [
            format!("mutation {{ {} }}", enroll(&literal)),
            format!("mutation($mode: EnrollMode) {{ {} }}", enroll("$mode")),
        ] {
            let answer = server.client().send(&document, json!({ "mode": value })).await;
            assert!(answer["errors"].is_array() && answer.to_string().len() < 10_000, "{answer}");
        }
    }
    server.stop().await;
}
