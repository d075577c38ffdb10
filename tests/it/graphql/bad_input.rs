//! Input that is refused at the upload or fails in the background, without leaving data behind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::client::{raw, read, upload_form};
use crate::support::pictures::bmp_header;
use crate::support::server::soon;
use crate::support::socket::settle;
use crate::support::{Client, TestServer, code, drawn, photo};

const UNKNOWN: &str = "01h455vb4pex5vsknk084sn02q";

/// A PNG that ends after the first few bytes of its pixels.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
    chunk.extend([8, 2, 0, 0, 0]);
    let checksum = !chunk.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 * (sum & 1)))
    });
    let pixels = b"\0\0\0\x0aIDAT0123456789";
    [b"\x89PNG\r\n\x1a\n\0\0\0\x0d", &*chunk, &checksum.to_be_bytes(), pixels].concat()
}

fn not_images() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    vec![
        ("zero bytes", Vec::new(), "NO_IMAGE"),
        ("text named .jpg", b"I am no photo, whatever my name says.".to_vec(), "UNSUPPORTED_IMAGE"),
        ("a BMP of 65535x65535", bmp_header(65535, 65535), "IMAGE_TOO_LARGE"),
        ("a PNG of 65535x65535", png_header(65535, 65535), "IMAGE_TOO_LARGE"),
        ("a PNG's signature alone", b"\x89PNG\r\n\x1a\n".to_vec(), "INVALID_IMAGE"),
        ("a JPEG's first bytes", photo("obama.jpg")[..3].to_vec(), "INVALID_IMAGE"),
    ]
}

#[tokio::test]
async fn files_that_are_not_images_are_refused_at_the_upload() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    for (what, bytes, expected) in not_images() {
        let in_base64 = client.try_upload_base64(&container, &STANDARD.encode(&bytes)).await;
        let in_multipart = client.try_upload(&container, bytes, None).await;
        assert_eq!((code(&in_multipart), code(&in_base64)), (expected, expected), "{what}");
        assert_eq!(server.holdings().await, (0, 0, 0), "{what}");
    }
    server.stop().await;
}

#[tokio::test]
async fn bad_base64_is_refused() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    for text in ["*", "AAA", "data:image/png,AAAA", "data:image/png;base64", "AAAA\nAAAA"] {
        assert_eq!(code(&client.try_upload_base64(&container, text).await), "INVALID_IMAGE", "{text}");
    }
    assert_eq!(server.holdings().await, (0, 0, 0));
    server.stop().await;
}

#[tokio::test]
async fn exactly_one_source_is_required() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    let query = "mutation($id: ID!, $image: ImageInput!) {
        uploadImage(input: {containerId: $id, image: $image}) { image { id } }
    }";
    let both = json!({ "upload": null, "base64": "AAAA" });
    for image in [json!({}), json!({ "base64": null }), both] {
        let refusal = client.refusal(query, json!({ "id": container, "image": image })).await;
        assert!(["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"].contains(&&*refusal), "{image}: {refusal}");
    }
    for image in ["{}", r#"{upload: null, base64: "AAAA"}"#] {
        let query =
            query.replace("image: $image", &format!("image: {image}")).replace(", $image: ImageInput!", "");
        let refusal = client.refusal(&query, json!({ "id": container })).await;
        assert!(["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"].contains(&&*refusal), "{image}: {refusal}");
    }
    assert_eq!(server.holdings().await, (0, 0, 0));
    server.stop().await;
}

#[tokio::test]
async fn file_that_the_map_announces_must_be_sent() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    let response = client.post().multipart(upload_form(&container, None)).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(code(&read(response).await), "NO_IMAGE");
    assert_eq!(server.holdings().await, (0, 0, 0));
    server.stop().await;
}

#[tokio::test]
async fn too_large_file_is_refused() {
    let server = TestServer::with(&[("FACEQL_MAX_UPLOAD_BYTES", "4096")]).await;
    let client = server.client();
    let container = client.create_container().await;
    assert_eq!(code(&client.try_upload(&container, drawn(1), None).await), "PAYLOAD_TOO_LARGE");
    let text = STANDARD.encode(drawn(1));
    assert_eq!(code(&client.try_upload_base64(&container, &text).await), "PAYLOAD_TOO_LARGE");
    assert_eq!(server.holdings().await, (0, 0, 0));
    server.stop().await;
}

#[tokio::test]
async fn endless_file_is_refused_while_it_is_being_received() {
    let server = TestServer::with(&[("FACEQL_MAX_UPLOAD_BYTES", "65536")]).await;
    let client = server.client();
    let container = client.create_container().await;
    // Far more than the limit, then nothing, and no end: only a server that counts while reading can respond.
    let (status, answer) = soon(raw(server.address, &endless_upload(&container))).await;
    assert_eq!((status, code(&answer)), (413, "PAYLOAD_TOO_LARGE"));
    assert_eq!(server.holdings().await, (0, 0, 0));
    server.stop().await;
}

/// A chunked upload of 256 kB whose last chunk is never sent.
fn endless_upload(container: &str) -> Vec<u8> {
    let query = "mutation($id: ID!, $file: Upload!) {
        uploadImage(input: {containerId: $id, image: {upload: $file}}) { image { id } }
    }";
    let operations = json!({ "query": query, "variables": { "id": container, "file": null } });
    let part = |name: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    let parts = [
        &part("operations"),
        &*operations.to_string(),
        "\r\n",
        &part("map"),
        r#"{"f": ["variables.file"]}"#,
        "\r\n--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.bmp\"\r\n\r\n",
    ]
    .concat();
    let chunk = |data: &str| format!("{:x}\r\n{data}\r\n", data.len());
    let head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\
                Apollo-Require-Preflight: 1\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n";
    [head.to_owned(), chunk(&parts), chunk(&"B".repeat(4096)).repeat(64)].concat().into_bytes()
}

#[tokio::test]
async fn truncated_file_fails_with_its_code_and_can_be_deleted_completely() {
    let server = TestServer::start().await;
    let client = server.client();
    let container = client.create_container().await;
    let (jpeg, bmp) = (photo("obama.jpg"), drawn(1));
    client.upload(&container, jpeg[..jpeg.len() / 2].to_vec()).await;
    client.upload(&container, bmp[..bmp.len() / 2].to_vec()).await;
    let images = settle(&server, &container, 2).await;
    for image in images.iter().filter(|image| image["status"] != "PROCESSING") {
        assert_eq!((&image["status"], &image["error"]["code"]), (&json!("FAILED"), &json!("INVALID_IMAGE")));
        assert_eq!(image["attempts"], 1, "a retry would be useless");
    }
    assert_eq!(server.holdings().await, (2, 0, 2));
    client.delete_container(&container).await;
    assert_eq!(server.holdings().await, (0, 0, 0));
    server.stop().await;
}

#[tokio::test]
async fn unknown_ids_are_null_in_queries_and_not_found_in_mutations() {
    let server = TestServer::start().await;
    let client = server.client();
    let (container, image) = (format!("container_{UNKNOWN}"), format!("image_{UNKNOWN}"));
    let query =
        "query($c: ID!, $i: ID!) { container(id: $c) { id } image(id: $i) { id } node(id: $c) { id } }";
    let data = client.data(query, json!({ "c": container, "i": image })).await;
    assert_eq!(data, json!({ "container": null, "image": null, "node": null }));
    assert_eq!(mutations(&client, &container, &image).await, ["NOT_FOUND"; 3]);
    assert_eq!(server.holdings().await, (0, 0, 0));
    server.stop().await;
}

#[tokio::test]
async fn id_of_another_type_or_shape_is_invalid() {
    let server = TestServer::start().await;
    let client = server.client();
    let (container, image) = (format!("container_{UNKNOWN}"), format!("image_{UNKNOWN}"));
    for (container, image) in [(&*image, &*container), ("container_xyz", "image_"), ("", "7")] {
        assert_eq!(mutations(&client, container, image).await, ["INVALID_ID"; 3]);
        for (query, id) in [("container", container), ("image", image)] {
            let query = format!("query($id: ID!) {{ {query}(id: $id) {{ id }} }}");
            assert_eq!(client.refusal(&query, json!({ "id": id })).await, "INVALID_ID", "{id}");
        }
    }
    for id in ["planet_01h455vb4pex5vsknk084sn02q", "xyz", ""] {
        assert_eq!(
            client.refusal("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await,
            "INVALID_ID"
        );
    }
    assert_eq!(server.holdings().await, (0, 0, 0));
    server.stop().await;
}

/// The codes of an upload, a retry and a deletion.
async fn mutations(client: &Client, container: &str, image: &str) -> [String; 3] {
    let delete = "mutation($id: ID!) { deleteContainer(input: {containerId: $id}) { deletedContainerId } }";
    let (upload, retry) = (client.try_upload(container, drawn(1), None).await, client.retry(image).await);
    let delete = client.refusal(delete, json!({ "id": container })).await;
    [code(&upload).to_owned(), code(&retry).to_owned(), delete]
}
