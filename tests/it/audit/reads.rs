//! Every field of the schema that returns a vector or an image leaves an entry, and other fields do not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::schema::{Schema, base, is_list, name};
use super::{ids, log_of, of, send};
use crate::people::picture;
use crate::support::client::{http, text};
use crate::support::socket::settle;
use crate::support::{Client, Socket, TestServer, photo};
use crate::{contours, detection};

/// Numbers that are not a vector, such as the rotation of an image.
const NO_VECTOR: [&str; 1] = ["Contour.transform"];

/// Whether a field returns a vector or an image, according to the schema.
fn shows(of: &str, field: &Value) -> bool {
    let (kind, name) = (&field["type"], name(field));
    let is_vector = base(kind) == "Float" && is_list(kind);
    let is_picture = name == "svg" || name.ends_with("Url") || base(kind) == "ContourRegion";
    (is_vector || is_picture) && !NO_VECTOR.contains(&&*format!("{of}.{name}"))
}

/// One object of each kind that has an id.
async fn samples(server: &TestServer) -> BTreeMap<&'static str, String> {
    let client = server.client();
    let container = client.create_container().await;
    client.upload(&container, photo("obama.jpg")).await;
    settle(server, &container, 1).await;
    let image = client.container(&container, "images { id encodings { id } }").await["images"][0].take();
    let query = "mutation($input: EnrollPersonInput!) { enrollPerson(input: $input) { person { id } accepted { id } } }";
    let input = json!({ "externalId": "barack", "consent": { "grantedAt": "2026-01-31T12:00:00Z" },
        "images": [picture(&photo("obama.jpg"))] });
    let enrolled = client.data(query, json!({ "input": input })).await["enrollPerson"].take();
    let query = "mutation { startEnrollment(input: {externalId: \"joe\", consent: {grantedAt: \"2026-01-31T12:00:00Z\"}}) {
        enrollment { id } } }";
    let session = client.data(query, json!({})).await["startEnrollment"]["enrollment"]["id"].take();
    let detected = detection::detect(server, json!({ "image": picture(&photo("obama.jpg")) })).await;
    let contour = contours::draw(server, &contours::request(&contours::two_regions())).await;
    [
        ("Container", container),
        ("Image", text(&image["id"])),
        ("Encoding", text(&image["encodings"][0]["id"])),
        ("Person", text(&enrolled["person"]["id"])),
        ("Face", text(&enrolled["accepted"][0]["id"])),
        ("Enrollment", text(&session)),
        ("Detection", text(&detected["id"])),
        ("Contour", text(&contour["id"])),
    ]
    .into()
}

#[tokio::test]
async fn every_field_of_the_schema_that_returns_a_vector_or_an_image_leaves_an_entry() {
    let server = TestServer::start().await;
    let client = server.client();
    let (schema, samples) = (Schema::of(&client).await, samples(&server).await);
    let mut asked = BTreeMap::new();
    for object in schema.objects() {
        for field in schema.fields(object) {
            let coordinate = format!("{object}.{}", name(field));
            let Some(id) = samples.get(object) else {
                assert!(!shows(object, field), "{coordinate} shows something of nothing with an id");
                continue;
            };
            let inner = if schema.fields(base(&field["type"])).is_empty() { "" } else { "{ __typename }" };
            let query = format!(
                "query($id: ID!) {{ node(id: $id) {{ ... on {object} {{ {} {inner} }} }} }}",
                name(field)
            );
            let response = send(&client, &coordinate, &query, json!({ "id": id })).await;
            assert!(response.get("errors").is_none(), "{response}");
            asked.insert(coordinate, (shows(object, field), id));
        }
    }
    let log = log_of(server).await;
    let shown = asked.values().filter(|(shows, _)| *shows).count();
    assert!(shown >= 6, "only {shown} fields return a vector or an image: {asked:?}");
    for (coordinate, (shows, id)) in asked {
        match of(&log, &coordinate)[..] {
            [] => assert!(!shows, "{coordinate} leaves no entry"),
            [entry] => {
                assert!(shows, "{coordinate} shows nothing");
                assert_eq!((&*entry.act, &*entry.outcome), ("read", "OK"));
                assert_eq!(ids(entry), BTreeSet::from([id.clone()]));
            }
            _ => panic!("{coordinate} left more than one entry"),
        }
    }
}

#[tokio::test]
async fn request_has_one_entry_for_everything_that_it_returns() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    for name in ["obama.jpg", "biden.jpg"] {
        client.upload(&container, photo(name)).await;
    }
    settle(&server, &container, 2).await;
    let query = "query($id: ID!) { container(id: $id) { images { encodings { id vector } }
        comparison { pairs { a { vector } b { vector } } } } other: container(id: $id) { images { id } } }";
    let response = send(&client, "both", query, json!({ "id": container })).await;
    let query = "query($id: ID!) { container(id: $id) { images { encodings { id } } } }";
    send(&client, "ids alone", query, json!({ "id": container })).await;
    let log = log_of(server).await;
    let [entry] = of(&log, "both")[..] else { panic!("{log:?}") };
    let images = &response["data"]["container"]["images"];
    let encodings = [0, 1].map(|index| text(&images[index]["encodings"][0]["id"]));
    assert_eq!(ids(entry), BTreeSet::from(encodings));
    assert!(of(&log, "ids alone").is_empty());
}

#[tokio::test]
async fn every_event_that_contains_a_vector_has_an_entry() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    let mut socket = Socket::connect(&server).await;
    socket.follow_until_settled("1", &container, 2).await;
    client.upload(&container, photo("obama.jpg")).await;
    while socket.image().await["status"] != "COMPLETED" {}
    client.upload(&container, photo("biden.jpg")).await;
    socket.images().await;
    let log = log_of(server).await;
    let read: Vec<_> = log.iter().filter(|entry| entry.act == "read").collect();
    assert_eq!(read.len(), 2, "{log:?}");
    assert!(read.iter().all(|entry| ids(entry).len() == 1 && entry.request == read[0].request));
}

#[tokio::test]
async fn image_behind_a_link_leaves_an_entry_when_it_is_sent() {
    let server = TestServer::start().await;
    let ended = detection::detect(&server, json!({ "image": picture(&photo("obama.jpg")) })).await;
    let url = text(&ended["originalImageUrl"]);
    let get = async |id: &str, url: &str| http().get(url).header("X-Request-Id", id).send().await.unwrap();
    let whole = get("whole", &url).await;
    let etag = whole.headers()["etag"].clone();
    http().get(&url).header("X-Request-Id", "part").header("Range", "bytes=0-9").send().await.unwrap();
    http().get(&url).header("X-Request-Id", "known").header("If-None-Match", etag).send().await.unwrap();
    http().head(&url).header("X-Request-Id", "head").send().await.unwrap();
    get("forged", &url.replace("signature=", "signature=0")).await;
    let log = log_of(server).await;
    for request in ["whole", "part"] {
        let [entry] = of(&log, request)[..] else { panic!("{log:?}") };
        assert_eq!((&*entry.act, &*entry.actor), ("read", "link"));
        assert_eq!(ids(entry), BTreeSet::from([text(&ended["id"])]));
    }
    for request in ["known", "head", "forged"] {
        assert!(of(&log, request).is_empty(), "{request}");
    }
}

#[tokio::test]
async fn reads_just_before_shutdown_are_recorded_before_the_server_ends() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    client.upload(&container, photo("obama.jpg")).await;
    settle(&server, &container, 1).await;
    let read = |client: Client| {
        let container = container.clone();
        async move {
            let query = "query($id: ID!) { container(id: $id) { images { encodings { vector } } } }";
            send(&client, "read", query, json!({ "id": container })).await
        }
    };
    let before = 50;
    for _ in 0..before {
        assert!(read(client.clone()).await.get("errors").is_none());
    }
    let log = log_of(server).await;
    assert_eq!(of(&log, "read").len(), before);
}
