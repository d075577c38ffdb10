//! I/O errors: the process's file size limit is lowered while it runs, which SQLite reports as a failed write, and
//! raised again.

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;
use tempfile::TempDir;

use super::{assert_are_there, create_containers, until_not_ready, until_ready};
use crate::people::{enroll, person};
use crate::support::binary::{Binary, faceql};
use crate::support::client::{code, text};
use crate::support::disk::wrapped;
use crate::support::photo;
use crate::support::server::{eventually, soon};

/// A server for which the system reports a file that is too large as an error, not as a signal.
async fn serve(folder: &TempDir) -> Binary {
    let command = faceql(folder.path(), "serve", &[]);
    Binary::spawn(wrapped(&["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"], &command)).await
}

/// Sets the maximum size of the files that the server writes.
fn limit_files(server: &Binary, size: Option<u64>) {
    let limit = Rlimit { current: size, maximum: None };
    prlimit(Pid::from_raw(server.id()), Resource::Fsize, limit).unwrap();
}

#[tokio::test]
async fn after_failed_writes_the_server_recovers_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder).await;
    let client = &server.client;
    let mut acknowledged = create_containers(client, 3).await;
    for _ in 0..3 {
        limit_files(&server, Some(1024));
        assert_eq!(create_containers(client, 5).await, [""; 0]);
        let reason = until_not_ready(client).await;
        assert!(reason.contains("disk I/O error"), "{reason}");
        limit_files(&server, None);
        until_ready(client).await;
        acknowledged.extend(create_containers(client, 3).await);
    }
    assert_eq!(acknowledged.len(), 12);
    assert_are_there(client, &acknowledged).await;
    assert!(server.terminate().success());
    let server = serve(&folder).await;
    assert_are_there(&server.client, &acknowledged).await;
    assert!(server.terminate().success());
}

#[tokio::test]
async fn index_contains_no_person_whose_enrollment_was_not_committed() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder).await;
    let client = &server.client;
    enroll(client, "joe", &["biden.jpg"]).await;
    limit_files(&server, Some(1024));
    let input = json!({ "externalId": "barack", "images": [crate::people::image("obama.jpg")],
        "consent": crate::people::consent() });
    let refused = crate::people::try_enroll(client, input).await;
    assert_eq!(code(&refused), "STORAGE_UNAVAILABLE");
    limit_files(&server, None);
    until_ready(client).await;
    let found = crate::people::identify(client, "obama2.jpg", json!({})).await;
    assert_eq!((&found["searchedFaces"], &found["candidates"]), (&json!(1), &json!([])));
    assert_eq!(person(client, "barack").await, json!(null));
    enroll(client, "barack", &["obama.jpg"]).await;
    let found = crate::people::identify(client, "obama2.jpg", json!({})).await;
    assert_eq!(found["candidates"][0]["person"]["externalId"], "barack");
    assert!(server.terminate().success());
}

#[tokio::test]
async fn vectors_are_refused_while_no_entry_can_be_written_and_earlier_reads_are_recorded_later() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder).await;
    let client = &server.client;
    let container = client.create_container().await;
    client.upload(&container, photo("obama.jpg")).await;
    let settled = async || client.container(&container, "settled").await["settled"] == true;
    eventually(settled).await;

    limit_files(&server, Some(1024));
    let query = "query($id: ID!) { container(id: $id) { images { encodings { vector } } } }";
    let mut shown = 0;
    let refused = soon(async {
        loop {
            let response = client.send(query, json!({ "id": container })).await;
            if response.get("errors").is_some() {
                break code(&response).to_owned();
            }
            shown += 1;
        }
    });
    assert_eq!(refused.await, "STORAGE_UNAVAILABLE");
    assert!(shown > 0);
    limit_files(&server, None);
    let works = async || client.send(query, json!({ "id": container })).await.get("errors").is_none();
    eventually(works).await;
    assert!(server.terminate().success());

    let database = crate::support::server::config(folder.path(), &[]).database;
    let entries = crate::audit::entries(&database).await;
    assert_eq!(entries.iter().filter(|entry| entry.act == "read").count(), shown + 1);
    let verified = faceql(folder.path(), "audit", &[]).arg("verify").output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

#[tokio::test]
async fn images_whose_results_could_not_be_written_for_a_while_are_completed() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder).await;
    let client = &server.client;
    let container = client.create_container().await;
    let mut images = Vec::new();
    for _ in 0..4 {
        images.push(text(&client.upload(&container, photo("obama.jpg")).await["id"]));
    }
    limit_files(&server, Some(1024));
    until_not_ready(client).await;
    limit_files(&server, None);
    eventually(async || client.container(&container, "settled").await["settled"] == true).await;
    let container = client.container(&container, "images { id status }").await;
    let completed: Vec<_> = images.iter().map(|id| json!({ "id": id, "status": "COMPLETED" })).collect();
    assert_eq!(container["images"], json!(completed));
    assert!(server.terminate().success());
}
