//! People: lookup, search and pagination.

use serde_json::{Value, json};

use super::{delete_person, plant};
use crate::support::client::text;
use crate::support::server::fewest;
use crate::support::{Client, TestServer};

/// The external ids that a search finds, sorted, and their total.
async fn found(client: &Client, search: &str) -> Vec<String> {
    let query = "query($search: String) { people(search: $search) { nodes { externalId } totalCount } }";
    let people = client.data(query, json!({ "search": search })).await["people"].take();
    let nodes = people["nodes"].as_array().unwrap();
    assert_eq!(people["totalCount"], nodes.len());
    let mut ids: Vec<String> = nodes.iter().map(|node| text(&node["externalId"])).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn search_is_by_prefix_of_name_or_external_id_ignoring_case() {
    let server = TestServer::start().await;
    let client = server.client();
    for (id, name) in [("Ada-1", None), ("ada-2", Some("Zoë")), ("x", Some("ADA")), ("y", Some("Not Ada"))] {
        plant(&server, "default", id, name).await;
    }
    assert_eq!(found(&client, "aDa").await, ["Ada-1", "ada-2", "x"]);
    assert_eq!(found(&client, "ZOË").await, ["ada-2"]);
    assert_eq!(found(&client, "not").await, ["y"]);
    assert_eq!(found(&client, "da").await, [""; 0]);
    assert_eq!(found(&client, "").await.len(), 4);
    server.stop().await;
}

#[tokio::test]
async fn search_takes_every_character_literally() {
    let server = TestServer::start().await;
    let client = server.client();
    for id in ["100%", "1000", "a_b", "acb", r"c\d", "c%d", "'; --", "名前"] {
        plant(&server, "default", id, None).await;
    }
    for (search, expected) in
        [("100%", "100%"), ("a_", "a_b"), (r"c\", r"c\d"), ("c%", "c%d"), ("'", "'; --"), ("名", "名前")]
    {
        assert_eq!(found(&client, search).await, [expected], "{search}");
    }
    for search in ["%", "_", r"\"] {
        assert_eq!(found(&client, search).await, [""; 0], "{search:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn search_ignores_case_in_every_script() {
    let server = TestServer::start().await;
    let client = server.client();
    plant(&server, "default", "1", None).await;
    plant(&server, "default", "2", None).await;
    plant(&server, "default", "3", None).await;
    let update = "mutation($id: String!, $name: String!) {
        updatePerson(input: {person: {key: {externalId: $id}}, displayName: $name}) { person { id } } }";
    for (id, name) in [("1", "Οδοστρωτήρας"), ("2", "Straße"), ("3", "ДАРЬЯ")] {
        client.data(update, json!({ "id": id, "name": name })).await;
    }
    for (search, expected) in [("ΟΔΟΣ", "1"), ("οδος", "1"), ("STRASS", "2"), ("straß", "2"), ("дарь", "3")]
    {
        assert_eq!(found(&client, search).await, [expected], "{search}");
    }
    server.stop().await;
}

#[tokio::test]
async fn pages_contain_all_people_newest_first() {
    let server = TestServer::start().await;
    let client = server.client();
    for number in 0..7 {
        plant(&server, "default", &number.to_string(), None).await;
    }
    plant(&server, "elsewhere", "8", None).await;
    let query = "query($after: String) { people(first: 3, after: $after) { totalCount
        edges { cursor node { externalId } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    let (mut seen, mut after, mut pages) = (Vec::new(), json!({}), 0);
    loop {
        let page = client.data(query, after).await["people"].take();
        let (edges, info) = (page["edges"].as_array().unwrap(), &page["pageInfo"]);
        assert_eq!((&page["totalCount"], &info["hasPreviousPage"]), (&json!(7), &json!(!seen.is_empty())));
        assert_eq!(
            (&info["startCursor"], &info["endCursor"]),
            (&edges[0]["cursor"], &edges.last().unwrap()["cursor"])
        );
        seen.extend(edges.iter().map(|edge| text(&edge["node"]["externalId"])));
        (after, pages) = (json!({ "after": info["endCursor"] }), pages + 1);
        if info["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!((seen, pages), (["6", "5", "4", "3", "2", "1", "0"].map(String::from).to_vec(), 3));
    let too_many = "{ people(first: 101) { totalCount } }";
    assert_eq!(client.refusal(too_many, json!({})).await, "BAD_USER_INPUT");
    server.stop().await;
}

#[tokio::test]
async fn galleries_are_counted_and_an_unknown_one_is_empty() {
    let server = TestServer::start().await;
    let client = server.client();
    for (gallery, id) in [("b", "1"), ("b", "2"), ("a", "1")] {
        plant(&server, gallery, id, None).await;
    }
    let galleries = "{ galleries { name personCount faceCount } }";
    let counted = json!([
        { "name": "a", "personCount": 1, "faceCount": 1 },
        { "name": "b", "personCount": 2, "faceCount": 2 },
    ]);
    assert_eq!(client.data(galleries, json!({})).await["galleries"], counted);
    let unknown = "{ people(gallery: \"c\") { nodes { id } totalCount pageInfo { hasNextPage endCursor } } }";
    let empty =
        json!({ "nodes": [], "totalCount": 0, "pageInfo": { "hasNextPage": false, "endCursor": null } });
    assert_eq!(client.data(unknown, json!({})).await["people"], empty);
    server.stop().await;
}

#[tokio::test]
async fn people_and_faces_are_nodes_until_they_are_deleted() {
    let server = TestServer::start().await;
    let client = server.client();
    plant(&server, "default", "joe", None).await;
    let by_key = "{ person(by: {key: {externalId: \"joe\"}}) { id faces { id } } }";
    let person = client.data(by_key, json!({})).await["person"].take();
    let ids = json!({ "p": person["id"], "f": person["faces"][0]["id"] });
    let query =
        "query($p: ID!, $f: ID!) { person(by: {id: $p}) { externalId } nodes(ids: [$p, $f]) { __typename id }
        node(id: $f) { ... on Face { person { id externalId } } } }";
    let there = client.data(query, ids.clone()).await;
    assert_eq!(
        (&there["nodes"][0]["__typename"], &there["nodes"][1]["__typename"]),
        (&json!("Person"), &json!("Face"))
    );
    assert_eq!(there["node"]["person"], json!({ "id": ids["p"], "externalId": "joe" }));
    assert_eq!(delete_person(&client, "joe").await["deletedFaceCount"], 1);
    let gone = json!({ "person": null, "nodes": [null, null], "node": null });
    assert_eq!(client.data(query, ids).await, gone);
    assert_eq!(client.data(by_key, json!({})).await["person"], Value::Null);
    let wrong = "{ person(by: {id: \"face_01h455vb4pex5vsknk084sn02q\"}) { id } }";
    assert_eq!(client.refusal(wrong, json!({})).await, "INVALID_ID");
    server.stop().await;
}

#[tokio::test]
async fn twenty_people_take_as_many_statements_as_two() {
    // A worker that polls for jobs in between would be counted too.
    let server = TestServer::with(&[("FACEQL_JOBS_POLL_MS", "60000")]).await;
    let client = server.client();
    for number in 0..20 {
        plant(&server, "default", &number.to_string(), None).await;
    }
    let query = "query($first: Int!) { people(first: $first) { totalCount nodes {
        id faceCount quality consent { reference }
        faces { id person { id faceCount } models { name } quality { overall issues } }
    } } }";
    let statements = async |first: usize| {
        let before = server.people.database.statements();
        let people = client.data(query, json!({ "first": first })).await["people"]["nodes"].take();
        assert_eq!(people.as_array().unwrap().len(), first);
        assert_eq!(people[0]["faces"][0]["models"].as_array().unwrap().len(), 1, "{people}");
        server.people.database.statements() - before
    };
    let (two, twenty) =
        (fewest(async || statements(2).await).await, fewest(async || statements(20).await).await);
    assert_eq!(twenty, two);
    assert!(twenty <= 6, "{twenty} statements");
    server.stop().await;
}
