//! A disk that fills up and is emptied.

use std::process::Output;

use serde_json::json;

use super::{assert_are_there, create_containers, until_not_ready, until_ready};
use crate::bulk::CONSENT;
use crate::people::{delete_person, enroll, person};
use crate::support::binary::{Binary, faceql};
use crate::support::client::text;
use crate::support::disk::Disk;
use crate::support::server::eventually;
use crate::support::{Client, photo};

/// `faceql` with these arguments, on the disk.
fn run(disk: &Disk, arguments: &[&str]) -> Output {
    let mut command = faceql(disk.folder(), arguments[0], &[]);
    command.args(&arguments[1..]);
    disk.beside(command).output().unwrap()
}

async fn serve(disk: &Disk, key: Option<&str>) -> Binary {
    let settings = [("FACEQL_JOBS_DELAY_MS", "500")];
    let mut server = Binary::spawn(disk.beside(faceql(disk.folder(), "serve", &settings))).await;
    server.client = Client::new(server.client.address, key.map(str::to_owned));
    server
}

fn standard_output(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap().trim_end().to_owned()
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn data_acknowledged_on_a_disk_that_fills_and_empties_is_there_after_a_restart() {
    let Some(disk) = Disk::of_megabytes(8) else { return };
    let key = standard_output(&run(&disk, &["keys", "create", "--scopes", "read+write+admin"]));
    let other = standard_output(&run(&disk, &["keys", "create", "--label", "other"]));
    let keys = standard_output(&run(&disk, &["keys", "list"]));
    let other_id = keys.lines().find(|line| line.ends_with("other")).unwrap().split(' ').next().unwrap();
    let server = serve(&disk, Some(&key)).await;
    let client = server.client.clone();
    let holder = Client::new(client.address, Some(other));
    enroll(&client, "barack", &["obama.jpg"]).await;

    disk.fill();
    let mut acknowledged = create_containers(&client, 40).await;
    assert!(acknowledged.len() < 40, "there was space for all");
    let reason = until_not_ready(&client).await;
    assert!(reason.contains("full"), "{reason}");
    let told = complaint(&run(&disk, &["keys", "revoke", other_id]));
    assert!(told.contains("was NOT revoked and is still valid"), "{told}");
    holder.data("{ __typename }", json!({})).await;

    disk.free();
    until_ready(&client).await;
    let more = create_containers(&client, 40).await;
    assert_eq!(more.len(), 40, "there is space again");
    acknowledged.extend(more);
    enroll(&client, "joe", &["biden.jpg"]).await;
    delete_person(&client, "barack").await;
    assert_eq!(person(&client, "barack").await, json!(null));
    assert_eq!(person(&client, "joe").await["faceCount"], 1);
    assert!(run(&disk, &["keys", "revoke", other_id]).status.success());

    assert!(server.terminate().success());
    let server = serve(&disk, Some(&key)).await;
    let client = server.client.clone();
    assert_are_there(&client, &acknowledged).await;
    assert_eq!(person(&client, "barack").await, json!(null));
    assert_eq!(person(&client, "joe").await["faceCount"], 1);
    let holder = Client::new(client.address, holder.key().to_owned().into());
    assert_eq!(holder.refusal("{ __typename }", json!({})).await, "UNAUTHENTICATED");
    assert!(server.terminate().success());
    assert!(run(&disk, &["audit", "verify"]).status.success());
    assert!(run(&disk, &["index", "check"]).status.success());
}

#[tokio::test]
async fn detections_submitted_before_the_disk_was_full_finish_once_there_is_space() {
    let Some(disk) = Disk::of_megabytes(8) else { return };
    let server = serve(&disk, None).await;
    let client = &server.client;
    let mut submitted = Vec::new();
    for _ in 0..4 {
        submitted.push(text(&crate::detection::submit(client, &photo("obama.jpg")).await["id"]));
    }
    disk.fill();
    assert!(create_containers(client, 20).await.len() < 20, "there was space for all");
    until_not_ready(client).await;
    disk.free();
    until_ready(client).await;
    for id in &submitted {
        let status = async || {
            let query = "query($id: ID!) { detection(id: $id) { status } }";
            text(&client.data(query, json!({ "id": id })).await["detection"]["status"])
        };
        eventually(async || !["PENDING", "PROCESSING"].contains(&&*status().await)).await;
        assert_eq!(status().await, "COMPLETED");
    }
    assert!(server.terminate().success());
}

#[tokio::test]
async fn bulk_enrollment_on_a_full_disk_enrolls_no_one_and_reports_failure() {
    let Some(disk) = Disk::of_megabytes(8) else { return };
    // Creates the database.
    assert!(serve(&disk, None).await.terminate().success());
    let tree = crate::bulk::tree();
    let people = tree.path().join("people");
    let enroll = [&["enroll", people.to_str().unwrap()], CONSENT.as_slice()].concat();

    disk.fill();
    let told = complaint(&run(&disk, &enroll));
    assert!(!told.contains("enrolled 1") && !told.contains("enrolled 2"), "{told}");
    disk.free();
    assert!(run(&disk, &enroll).status.success());
    let server = serve(&disk, None).await;
    assert_eq!(person(&server.client, "barack").await["faceCount"], 2);
    assert_eq!(person(&server.client, "joe").await["faceCount"], 1);
    assert!(server.terminate().success());
}
