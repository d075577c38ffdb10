//! Responses exactly as the specification requires: nulls where fields failed, keys in the document's order.

use serde_json::json;

use crate::support::{Socket, TestServer};

/// The response body of a query, as raw text.
async fn answer(server: &TestServer, query: &str) -> String {
    let body = json!({ "query": query });
    server.client().post().json(&body).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn failed_field_is_null_or_propagates_null_to_its_parent() {
    let server = TestServer::start().await;
    for (query, expected) in [
        (
            r#"{ service { ready } container(id: "image_x") { id } }"#,
            r#"{"data":{"service":{"ready":true},"container":null},"errors":[{"message":"not the id of a container","locations":[{"line":1,"column":21}],"path":["container"],"extensions":{"code":"INVALID_ID"}}]}"#,
        ),
        (
            "{ service { ready } containers(first: 1000) { totalCount } }",
            r#"{"data":null,"errors":[{"message":"first must be from 1 to 100, but is 1000","locations":[{"line":1,"column":21}],"path":["containers"],"extensions":{"code":"BAD_USER_INPUT"}}]}"#,
        ),
        (
            r#"mutation { createContainer { container { images { id } } } retryImage(input: { imageId: "x" }) { image { id } } }"#,
            r#"{"data":null,"errors":[{"message":"not the id of an image","locations":[{"line":1,"column":60}],"path":["retryImage"],"extensions":{"code":"INVALID_ID"}}]}"#,
        ),
    ] {
        assert_eq!(answer(&server, query).await, expected, "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn keys_come_in_the_order_of_the_document_even_if_some_fields_take_longer() {
    let server = TestServer::start().await;
    let id = server.client().create_container().await;
    let query = format!(
        r#"{{ container(id: "{id}") {{ ...Whole settled }} s: service {{ ready }} __typename none: container(id: "container_01h455vb4pex5vsknk084sn02q") {{ id }} }}
        fragment Whole on Container {{ images {{ id }} ... on Node {{ __typename id }} }}"#
    );
    let expected = format!(
        r#"{{"data":{{"container":{{"images":[],"__typename":"Container","id":"{id}","settled":true}},"s":{{"ready":true}},"__typename":"Query","none":null}}}}"#
    );
    assert_eq!(answer(&server, &query).await, expected);
    let node = format!(
        r#"{{ node(id: "{id}") {{ ... on Image {{ status }} ... on Container {{ settled images {{ id }} }} id }} }}"#
    );
    let expected = format!(r#"{{"data":{{"node":{{"settled":true,"images":[],"id":"{id}"}}}}}}"#);
    assert_eq!(answer(&server, &node).await, expected);
    let elsewhere = format!(r#"{{ node(id: "{id}") {{ ... on Image {{ status }} }} }}"#);
    assert_eq!(answer(&server, &elsewhere).await, r#"{"data":{"node":{}}}"#);
    server.stop().await;
}

#[tokio::test]
async fn subscription_may_use_a_fragment_and_has_one_root_field() {
    let server = TestServer::start().await;
    let mut socket = Socket::connect(&server).await;
    let fragment = "subscription { ...Feed } fragment Feed on Subscription { imageStatusChanged(containerId: \"x\") { id } }";
    socket.subscribe("1", fragment, json!({})).await;
    let refused = socket.message().await.unwrap();
    // Without a source stream there are no events: the request fails.
    assert_eq!(refused["type"], "error");
    assert_eq!(refused["payload"][0]["extensions"]["code"], "INVALID_ID", "{refused}");
    let two = "subscription { detectionFeed { cursor } other: detectionFeed { cursor } }";
    socket.subscribe("2", two, json!({})).await;
    let error = socket.message().await.unwrap();
    assert_eq!(
        (&error["type"], &error["payload"][0]["message"]),
        (&json!("error"), &json!("a subscription must have exactly one root field"))
    );
    server.stop().await;
}
