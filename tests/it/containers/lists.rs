//! Connections and `nodes`: newest first, keyset cursors, and a constant number of database statements.

use std::collections::HashSet;

use entity::container;
use entity::ids::{ContainerId, EncodingId, ImageId};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::text;
use crate::support::server::{caller, fewest};
use crate::support::socket::settle;
use crate::support::{Client, TestServer, photo};

const PAGE: &str = "query($first: Int, $after: String) {
    containers(first: $first, after: $after) {
        edges { cursor node { id } } totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
}";

#[tokio::test]
async fn pages_are_newest_first_and_complete_while_the_list_grows() {
    let server = TestServer::start().await;
    let client = server.client();
    let mut made = Vec::new();
    for _ in 0..25 {
        made.insert(0, client.create_container().await);
    }
    let (mut seen, mut after, mut has_next) = (Vec::new(), Value::Null, true);
    while has_next {
        let variables =
            if after.is_null() { json!({ "first": 10 }) } else { json!({ "first": 10, "after": after }) };
        let page = client.data(PAGE, variables).await["containers"].take();
        assert_eq!(page["pageInfo"]["hasPreviousPage"], !seen.is_empty());
        let edges = page["edges"].as_array().unwrap();
        assert_eq!(edges.last().unwrap()["cursor"], page["pageInfo"]["endCursor"]);
        assert_eq!(edges[0]["cursor"], page["pageInfo"]["startCursor"]);
        seen.extend(edges.iter().map(|edge| text(&edge["node"]["id"])));
        after = page["pageInfo"]["endCursor"].clone();
        has_next = page["pageInfo"]["hasNextPage"].as_bool().unwrap();
        // New containers come before every remaining page.
        client.create_container().await;
    }
    assert_eq!(seen, made);
    server.stop().await;
}

#[tokio::test]
async fn last_full_page_has_no_next_page() {
    let server = TestServer::start().await;
    let client = server.client();
    for _ in 0..3 {
        client.create_container().await;
    }
    let page = client.data(PAGE, json!({ "first": 3 })).await["containers"].take();
    assert_eq!((&page["totalCount"], &page["pageInfo"]["hasNextPage"]), (&json!(3), &json!(false)));
    let beyond =
        client.data(PAGE, json!({ "after": page["pageInfo"]["endCursor"] })).await["containers"].take();
    assert_eq!((&beyond["edges"], &beyond["pageInfo"]["endCursor"]), (&json!([]), &Value::Null));
    server.stop().await;
}

#[tokio::test]
async fn page_sizes_and_cursors_out_of_range_are_refused() {
    let server = TestServer::start().await;
    let client = server.client();
    for first in [-1, 0, 101] {
        assert_eq!(client.refusal(PAGE, json!({ "first": first })).await, "BAD_USER_INPUT", "{first}");
    }
    for after in ["", "x", "AAAA", "container_01h455vb4pex5vsknk084sn02q"] {
        assert_eq!(client.refusal(PAGE, json!({ "after": after })).await, "BAD_USER_INPUT", "{after}");
    }
    client.data(PAGE, json!({ "first": 100 })).await;
    server.stop().await;
}

#[tokio::test]
async fn nodes_come_in_the_requested_order_with_null_for_missing_ones() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    let image = text(&client.upload(&container, photo("obama.jpg")).await["id"]);
    settle(&server, &container, 1).await;
    let gone = client.create_container().await;
    client.delete_container(&gone).await;
    let query =
        "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Image { container { id } } } }";
    let data = client.data(query, json!({ "ids": [image, gone, container, image] })).await;
    let named = |index: usize| data["nodes"][index]["__typename"].as_str();
    assert_eq!(
        (named(0), named(1), named(2), named(3)),
        (Some("Image"), None, Some("Container"), Some("Image"))
    );
    assert_eq!(data["nodes"][0]["container"]["id"], container);
    assert_eq!(client.refusal(query, json!({ "ids": vec![&container; 101] })).await, "BAD_USER_INPUT");
    server.stop().await;
}

#[tokio::test]
async fn twenty_containers_take_as_many_statements_as_two() {
    // A worker that polls for jobs in between would be counted too.
    let server = TestServer::with(&[("FACEQL_JOBS_POLL_MS", "60000")]).await;
    let client = server.client();
    let container = client.create_container().await;
    for name in ["obama.jpg", "biden.jpg"] {
        client.upload(&container, photo(name)).await;
    }
    settle(&server, &container, 2).await;
    copy(&server).await;
    let two = fewest(async || statements(&server, &client, 2).await).await;
    for _ in 0..18 {
        copy(&server).await;
    }
    let twenty = fewest(async || statements(&server, &client, 20).await).await;
    assert_eq!(twenty, two);
    assert!(twenty <= 5, "{twenty} statements");
    server.stop().await;
}

/// The number of statements for the largest query of that many containers.
async fn statements(server: &TestServer, client: &Client, containers: usize) -> u64 {
    let query = "query($first: Int!) { containers(first: $first) { totalCount nodes {
        id settled
        images { id container { id } encodings { id vector model { name } face { confidence quality { overall } } } }
        comparison { samePerson pairs { distance a { id } } }
    } } }";
    let before = server.containers.database.statements();
    let data = client.data(query, json!({ "first": containers })).await;
    let nodes = data["containers"]["nodes"].as_array().unwrap();
    let ids: HashSet<String> = nodes.iter().map(|node| text(&node["id"])).collect();
    assert_eq!(ids.len(), containers);
    assert!(nodes.iter().all(|node| node["comparison"]["samePerson"] == false), "{data}");
    server.containers.database.statements() - before
}

/// Adds a copy of the oldest container with its images and encodings.
async fn copy(server: &TestServer) {
    let (containers, caller) = (&server.containers, caller());
    let mut rows = container::Entity::find().all(containers.database.reader()).await.unwrap();
    rows.sort_by_key(|container| container.id);
    let mut original = rows.swap_remove(0);
    let images = containers.images_of(&caller, &[original.id]).await.unwrap();
    let write = containers.database.write().await.unwrap();
    original.id = ContainerId(Uuid::now_v7());
    original.clone().into_active_model().reset_all().insert(&*write).await.unwrap();
    for mut row in images {
        let encodings = containers.encodings_of(&caller, &[row.id]).await.unwrap();
        (row.id, row.container_id) = (ImageId(Uuid::now_v7()), original.id);
        row.clone().into_active_model().reset_all().insert(&*write).await.unwrap();
        for mut encoding in encodings {
            (encoding.id, encoding.image_id) = (EncodingId(Uuid::now_v7()), row.id);
            encoding.into_active_model().reset_all().insert(&*write).await.unwrap();
        }
    }
    write.commit().await.unwrap();
}
