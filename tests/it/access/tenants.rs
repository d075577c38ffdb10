//! Two tenants on one server: no data crosses, and another tenant's objects seem not to exist.

use entity::ids::Tenant;
use entity::{face, image};
use faceql::access::caller::Caller;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::people::picture;
use crate::support::client::{read, text};
use crate::support::server::caller;
use crate::support::{Client, Event, Socket, TestServer, code, drawn, photo};

pub(crate) const ACME: &str = "acme-key-0123456789";
pub(crate) const OTHER: &str = "other-key-0123456789";
pub(crate) const READER: &str = "reader-key-0123456789";

pub(crate) async fn server() -> TestServer {
    let keys = format!("acme:{ACME}, other:{OTHER}, acme:{READER}:read");
    TestServer::with(&[("FACEQL_API_KEY", &keys)]).await
}

/// Follows a container with a key until it is settled.
async fn follow(server: &TestServer, key: &str, container: &str) -> Vec<Event> {
    let mut socket = Socket::open(server.address, json!({ "X-API-Key": key })).await.unwrap();
    socket.follow_until_settled("1", container, 1).await;
    let mut events = Vec::new();
    while !matches!(events.last(), Some(Event::Error(_) | Event::Complete)) {
        events.push(socket.next().await);
    }
    events
}

/// A container, its image and its encoding.
async fn nodes_of(server: &TestServer, client: &Client, key: &str) -> [String; 3] {
    let container = client.create_container().await;
    client.upload(&container, photo("obama.jpg")).await;
    follow(server, key, &container).await;
    let image = client.container(&container, "images { id encodings { id } }").await["images"][0].take();
    [container, text(&image["id"]), text(&image["encodings"][0]["id"])]
}

#[tokio::test]
async fn lookups_and_lists_show_nothing_of_another_tenant() {
    let server = server().await;
    let (acme, other) = (server.client_with_key(ACME), server.client_with_key(OTHER));
    let ids = nodes_of(&server, &acme, ACME).await;
    let query = "query($ids: [ID!]!, $container: ID!, $image: ID!, $encoding: ID!) {
        nodes(ids: $ids) { id } c: node(id: $container) { id } i: node(id: $image) { id } e: node(id: $encoding) { id }
        container(id: $container) { id } image(id: $image) { id } containers { nodes { id } totalCount }
    }";
    let variables = json!({ "ids": ids, "container": ids[0], "image": ids[1], "encoding": ids[2] });
    let own = acme.data(query, variables.clone()).await;
    assert_eq!(
        (&own["c"]["id"], &own["i"]["id"], &own["e"]["id"]),
        (&json!(ids[0]), &json!(ids[1]), &json!(ids[2]))
    );
    assert_eq!((&own["nodes"][2]["id"], &own["containers"]["totalCount"]), (&json!(ids[2]), &json!(1)));
    let none = json!({
        "nodes": [null, null, null], "c": null, "i": null, "e": null,
        "container": null, "image": null, "containers": { "nodes": [], "totalCount": 0 },
    });
    assert_eq!(other.data(query, variables).await, none);
    server.stop().await;
}

#[tokio::test]
async fn mutations_and_subscriptions_find_nothing_of_another_tenant() {
    let server = server().await;
    let (acme, other) = (server.client_with_key(ACME), server.client_with_key(OTHER));
    let [container, image, _] = nodes_of(&server, &acme, ACME).await;
    let before = acme.container(&container, "images { id revision }").await;
    let delete = "mutation($id: ID!) { deleteContainer(input: {containerId: $id}) { deletedContainerId } }";
    assert_eq!(code(&other.try_upload(&container, drawn(1), None).await), "NOT_FOUND");
    assert_eq!(code(&other.retry(&image).await), "NOT_FOUND");
    assert_eq!(other.refusal(delete, json!({ "id": container })).await, "NOT_FOUND");
    let [Event::Error(code)] = &follow(&server, OTHER, &container).await[..] else {
        panic!("it was accepted")
    };
    assert_eq!(code, "NOT_FOUND");
    assert_eq!(acme.container(&container, "images { id revision }").await, before);
    server.stop().await;
}

#[tokio::test]
async fn domain_functions_return_parts_only_to_their_own_tenant() {
    let server = server().await;
    let acme = server.client_with_key(ACME);
    nodes_of(&server, &acme, ACME).await;
    let query = r#"mutation($image: ImageInput!) { enrollPerson(input: { externalId: "barack", images: [$image],
        consent: { grantedAt: "2026-01-31T12:00:00Z", reference: "form 7" } }) { person { id } } }"#;
    acme.data(query, json!({ "image": picture(&photo("obama.jpg")) })).await;
    let (database, containers, people) =
        (server.containers.database.reader(), &server.containers, &server.people);
    let image = image::Entity::find().one(database).await.unwrap().unwrap();
    let face = face::Entity::find().one(database).await.unwrap().unwrap();
    for (tenant, number) in [("acme", 1), ("other", 0)] {
        let caller = Caller { tenant: Tenant::parse(tenant).unwrap(), ..caller() };
        // This holds even if the caller could not read the parent before.
        assert_eq!(containers.images_of(&caller, &[image.container_id]).await.unwrap().len(), number);
        assert_eq!(containers.encodings_of(&caller, &[image.id]).await.unwrap().len(), number);
        assert_eq!(people.faces_of(&caller, &[face.person_id]).await.unwrap().len(), number);
        assert_eq!(people.models_of(&caller, &[face.id]).await.unwrap().len(), number);
    }
    server.stop().await;
}

#[tokio::test]
async fn idempotency_keys_of_two_tenants_do_not_collide() {
    let server = server().await;
    let query = r#"mutation { createContainer(input: {idempotencyKey: "same"}) { container { id } } }"#;
    let own = server.client_with_key(ACME).data(query, json!({})).await;
    assert_ne!(server.client_with_key(OTHER).data(query, json!({})).await, own);
    assert_eq!(server.client_with_key(ACME).data(query, json!({})).await, own);
    server.stop().await;
}

#[tokio::test]
async fn events_reach_only_their_tenant() {
    let server = server().await;
    let (acme, other) = (server.client_with_key(ACME), server.client_with_key(OTHER));
    let (mine, theirs) = (acme.create_container().await, other.create_container().await);
    let mut socket =
        Socket::open(server.address, json!({ "authorization": format!("Bearer {ACME}") })).await.unwrap();
    socket.follow_until_settled("1", &mine, 1).await;
    other.upload(&theirs, drawn(1)).await;
    follow(&server, OTHER, &theirs).await;
    let uploaded = acme.upload(&mine, drawn(2)).await;
    assert!(socket.images().await.iter().all(|image| image["id"] == uploaded["id"]));
    server.stop().await;
}

#[tokio::test]
async fn requests_without_a_valid_key_are_refused() {
    let server = server().await;
    for client in [server.client(), server.client_with_key("wrong-key-0123456789")] {
        let response =
            client.post().json(&json!({ "query": "{ service { version } }" })).send().await.unwrap();
        assert_eq!(response.status(), 401);
        let response = read(response).await;
        assert_eq!(code(&response), "UNAUTHENTICATED");
        // It refers to no location in the document.
        assert!(response["errors"][0].get("locations").is_none(), "{response}");
    }
    for init in [json!({}), json!({ "X-API-Key": "wrong-key-0123456789" }), Value::Null] {
        assert!(Socket::open(server.address, init).await.is_none());
    }
    server.stop().await;
}

#[tokio::test]
async fn key_may_be_sent_as_a_bearer_token() {
    let server = server().await;
    let request = server.client().post().bearer_auth(ACME).json(&json!({ "query": "{ service { ready } }" }));
    assert_eq!(read(request.send().await.unwrap()).await["data"]["service"]["ready"], true);
    server.stop().await;
}

#[tokio::test]
async fn read_only_key_cannot_change_anything() {
    let server = server().await;
    let (acme, reader) = (server.client_with_key(ACME), server.client_with_key(READER));
    let [container, image, _] = nodes_of(&server, &acme, ACME).await;
    assert_eq!(reader.container(&container, "settled").await["settled"], true);
    assert!(matches!(follow(&server, READER, &container).await.last(), Some(Event::Complete)));
    let delete = "mutation($id: ID!) { deleteContainer(input: {containerId: $id}) { deletedContainerId } }";
    assert_eq!(
        reader.refusal("mutation { createContainer { container { id } } }", json!({})).await,
        "FORBIDDEN"
    );
    assert_eq!(reader.refusal(delete, json!({ "id": container })).await, "FORBIDDEN");
    assert_eq!(code(&reader.try_upload(&container, drawn(1), None).await), "FORBIDDEN");
    assert_eq!(code(&reader.retry(&image).await), "FORBIDDEN");
    server.stop().await;
}
