//! The real binary: killed at any moment it loses nothing, on SIGTERM it drains, and misconfigured it says why.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use entity::{encoding, image, job};
use faceql::app::App;
use faceql::clock::Clock;
use faceql::store::cleanup::Sweep;
use sea_orm::EntityTrait;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::binary::{Binary, faceql};
use crate::support::engine::Script;
use crate::support::server::{config, files, soon};
use crate::support::{Client, Event, Socket, drawn, photo};

const ROUNDS: u64 = 10;

/// Uploads until the server is gone. Returns what was acknowledged: image ids, and the number of faces in each.
async fn upload_all(client: Client, container: String) -> BTreeMap<String, usize> {
    let mut acknowledged = BTreeMap::new();
    for number in 0..40 {
        let (bytes, faces) = if number == 1 { (photo("obama.jpg"), 1) } else { (drawn(number), 0) };
        match client.upload_while_alive(&container, bytes).await {
            Some(image) => acknowledged.insert(image, faces),
            None => break,
        };
    }
    acknowledged
}

#[tokio::test]
async fn second_server_on_the_same_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = Binary::serve(folder.path(), &[]).await;
    let second = faceql(folder.path(), "serve", &[]).output().unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("another FaceQL process has the database open"));
    assert!(first.terminate().success());
}

#[tokio::test]
async fn second_server_on_the_same_blob_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = Binary::serve(folder.path(), &[]).await;
    let other = [("DATABASE_URL", "sqlite:other.db")];
    let second = faceql(folder.path(), "serve", &other).output().unwrap();
    assert!(!second.status.success());
    assert!(
        String::from_utf8_lossy(&second.stderr).contains("another FaceQL process uses the blob folder blobs")
    );
    assert!(first.terminate().success());
}

#[tokio::test]
async fn killed_at_any_moment_it_completes_every_acknowledged_image_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut acknowledged, mut containers) = (BTreeMap::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut binary = Binary::serve(folder.path(), &[]).await;
        let container = binary.client.create_container().await;
        let upload = || tokio::spawn(upload_all(binary.client.clone(), container.clone()));
        let uploading = [upload(), upload()];
        // The moment varies, since it is what is being tested: 5 to 400 ms, in no order.
        tokio::time::sleep(Duration::from_millis(5 + round * 7919 % 396)).await;
        binary.kill();
        for uploads in uploading {
            acknowledged.extend(uploads.await.unwrap());
        }
        containers.push(container);
    }
    let last = Binary::serve(folder.path(), &[]).await;
    let mut images = BTreeMap::new();
    for container in &containers {
        images.extend(ended_images(&last.client, container).await);
    }
    assert!(last.terminate().success());
    assert!(acknowledged.len() > 20, "only {} images were acknowledged", acknowledged.len());
    for (id, faces) in &acknowledged {
        assert_eq!(images.get(id), Some(faces), "{id}");
    }
    assert_nothing_is_left(folder.path(), images.values().sum()).await;
}

/// The images of a container, all COMPLETED, with the number of their encodings.
async fn ended_images(client: &Client, container: &str) -> BTreeMap<String, usize> {
    let mut socket = Socket::open(client.address, json!({})).await.unwrap();
    let fields = "settled images { id status revision attempts encodings { id } }";
    socket.follow(container).await;
    let mut found = client.container(container, fields).await;
    while found["settled"] == false {
        assert!(matches!(socket.next().await, Event::Next(_)));
        found = client.container(container, fields).await;
    }
    let images = found["images"].as_array().unwrap().iter().map(|image| {
        assert_eq!(image["status"], "COMPLETED", "{image}");
        // Its upload, the start of each attempt, and one end.
        assert_eq!(
            image["revision"].as_i64(),
            image["attempts"].as_i64().map(|attempts| attempts + 2),
            "{image}"
        );
        (image["id"].as_str().unwrap().to_owned(), image["encodings"].as_array().unwrap().len())
    });
    images.collect()
}

/// Opens what the process left: no job, no bytes after a cleanup, and each encoding once.
async fn assert_nothing_is_left(folder: &Path, encodings: usize) {
    let later = Clock::from_fn(|| Clock::system().now() + chrono::TimeDelta::days(2));
    let app =
        Box::pin(App::new(config(folder, &[]), later, Script::failing(0).encoder().await)).await.unwrap();
    let reader = app.database().reader();
    assert_eq!(job::Entity::find().all(reader).await.unwrap(), []);
    assert_eq!(encoding::Entity::find().all(reader).await.unwrap().len(), encodings);
    let kept = image::Entity::find().all(reader).await.unwrap();
    assert!(kept.iter().all(|image| !image.bytes_kept));
    app.containers().sweep(Duration::from_hours(1)).await.unwrap();
    assert_eq!(files(&folder.join("blobs")), [""; 0].map(std::path::PathBuf::from));
}

#[tokio::test]
async fn on_sigterm_it_finishes_running_work_and_exits_successfully() {
    let folder = tempfile::tempdir().unwrap();
    let binary = Binary::serve(folder.path(), &[]).await;
    let container = binary.client.create_container().await;
    let mut socket = Socket::open(binary.client.address, json!({})).await.unwrap();
    socket.follow(&container).await;
    for name in ["obama.jpg", "biden.jpg", "obama2.jpg"] {
        binary.client.upload(&container, photo(name)).await;
    }
    while socket.image().await["attempts"] == 0 {}
    assert!(binary.terminate().success());
    let reopened = App::new(config(folder.path(), &[]), Clock::system(), Script::failing(0).encoder().await);
    let app = reopened.await.unwrap();
    let jobs = job::Entity::find().all(app.database().reader()).await.unwrap();
    assert!(jobs.iter().all(|job| job.lease_token.is_none()), "a lease was not released: {jobs:?}");
    let images = image::Entity::find().all(app.database().reader()).await.unwrap();
    let ended = images.iter().filter(|image| image.completed_at.is_some());
    assert_eq!((images.len(), ended.count() + jobs.len()), (3, 3), "an image was lost");
    let mut begun = images.iter().filter(|image| image.attempts > 0).peekable();
    assert!(begun.peek().is_some() && begun.all(|image| image.completed_at.is_some()), "{images:?}");
}

#[tokio::test]
async fn encoding_service_does_not_wait_at_shutdown_for_a_request_that_never_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("FACEQL_SHUTDOWN_GRACE_SECONDS", "1"), ("FACEQL_BODY_TIMEOUT_SECONDS", "3600")];
    let mut binary = Binary::start(folder.path(), "encoder", &settings).await;
    let mut connection = TcpStream::connect(binary.client.address).await.unwrap();
    let head = "POST /v1/selfie HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n\
                Content-Length: 100\r\nExpect: 100-continue\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    soon(connection.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100", "the service does not wait for the rest");

    binary.ask_to_end();
    // The connection is cut off when the process ends.
    soon(connection.read_to_end(&mut Vec::new())).await.ok();
    assert!(binary.process.wait().unwrap().success());
}

#[tokio::test]
async fn it_starts_while_its_encoding_service_is_not_reachable_yet() {
    let folder = tempfile::tempdir().unwrap();
    let url = ("ENCODING_SERVICE_URL", "http://127.0.0.1:1/v1/selfie");
    let binary = Binary::serve(folder.path(), &[url]).await;
    let service = binary.client.data("{ service { ready } }", json!({})).await;
    assert_eq!(service["service"]["ready"], false);
    assert!(binary.terminate().success());
}

#[test]
fn misconfigured_it_reports_every_problem_and_exits_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = [("FACEQL_LISTEN", "here"), ("FACEQL_SWEEP_SECONDS", "0"), ("FACEQL_UNHEARD", "of")];
    let ended = faceql(folder.path(), "serve", &wrong).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(wrong.iter().all(|(name, _)| said.contains(name)), "{said}");
    let verdict_is_1 = faceql(folder.path(), "audit", &wrong).arg("verify").output().unwrap();
    assert_eq!(verdict_is_1.status.code(), Some(2));
}

#[test]
fn settings_come_from_the_environment_then_from_dotenv_then_from_the_named_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("own.toml", "FACEQL_MAX_BATCH = 1\nFACEQL_MAX_STREAMS = \"in the file\"\n");
    write(".env", "FACEQL_MAX_BATCH=in-dotenv\nFACEQL_LISTEN=in-dotenv\n");
    let ended = faceql(folder.path(), "serve", &[("FACEQL_CONFIG", "own.toml")]).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    let wrong = ["2 problem(s)", "FACEQL_MAX_BATCH: expected", "FACEQL_MAX_STREAMS: expected"];
    assert!(wrong.iter().all(|wrong| said.contains(wrong)), "{said}");
}

#[tokio::test]
async fn doctor_reports_what_works_and_what_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let doctor = |settings: &[(&str, &str)]| {
        let ended = faceql(folder.path(), "doctor", settings).output().unwrap();
        (ended.status.success(), String::from_utf8(ended.stdout).unwrap())
    };
    let server = Binary::serve(folder.path(), &[]).await;
    let (well, told) = doctor(&[]);
    assert!(well && told.contains("faceql.db is in use by a running FaceQL"), "{told}");
    assert!(told.contains("secret belongs to the database"), "{told}");
    assert!(server.terminate().success());
    let (well, told) = doctor(&[]);
    assert!(well && told.contains("its schema is up to date"), "{told}");
    assert!(told.contains("secret belongs to the database"), "{told}");
    std::fs::write(folder.path().join("other"), "ab".repeat(32)).unwrap();
    let (well, told) = doctor(&[("FACEQL_SECRET_FILE", "other")]);
    assert!(!well && told.contains("FAIL secret: other (FACEQL_SECRET_FILE) is not the secret"), "{told}");
    for mistyped in [("FACEQL_MODEL_PACK", "nowhere"), ("DATABASE_URL", "sqlite:nowhere/faceql.db")] {
        let (well, told) = doctor(&[mistyped]);
        assert!(!well && told.contains("nowhere"), "{told}");
    }
    assert!(!folder.path().join("nowhere").exists(), "the doctor created what it should only check");
    let (well, told) = doctor(&[("ENCODING_SERVICE_URL", "http://127.0.0.1:1/v1/selfie")]);
    assert!(!well && told.contains("FAIL engine: encoding service at 127.0.0.1"), "{told}");

    std::fs::write(folder.path().join("empty.db"), b"").unwrap();
    let (well, told) = doctor(&[("DATABASE_URL", "sqlite:empty.db")]);
    assert!(well && told.contains("m0001_verification"), "{told}");
    assert_eq!(std::fs::metadata(folder.path().join("empty.db")).unwrap().len(), 0);
}

#[tokio::test]
async fn stored_data_is_readable_only_by_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let database = [("DATABASE_URL", "sqlite:data/faceql.db"), ("FACEQL_BLOB_FOLDER", "data/deep/blobs")];
    let server = Binary::serve(folder.path(), &database).await;
    let mode = |path: &str| {
        let permissions = std::fs::metadata(folder.path().join(path)).unwrap().permissions();
        permissions.mode() & 0o777
    };
    assert_eq!(["data", "data/deep", "data/deep/blobs"].map(mode), [0o700; 3]);
    assert_eq!(["data/faceql.db", "data/faceql.db-wal", "data/faceql.db-shm"].map(mode), [0o600; 3]);
    assert!(server.terminate().success());
}

#[test]
fn printed_schema_and_settings_match_the_checked_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let printed =
        |task| String::from_utf8(faceql(folder.path(), task, &[]).output().unwrap().stdout).unwrap();
    assert!(printed("schema") == include_str!("../../../schema.graphql"));
    assert!(printed("config") == include_str!("../../../.env.example"));
}

#[test]
fn closed_output_is_no_failure_but_a_write_error_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let ended = |output: Stdio| faceql(folder.path(), "config", &[]).stdout(output).output().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let unread = ended(writer.into());
    assert!(unread.status.success() && unread.stderr.is_empty(), "{unread:?}");

    // Always full; exists on Linux only.
    if let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") {
        let unwritten = ended(full.into());
        let complaint = String::from_utf8(unwritten.stderr).unwrap();
        assert_eq!((unwritten.status.code(), complaint.lines().count()), (Some(2), 1), "{complaint}");
        assert!(complaint.starts_with("faceql: standard output: No space left"), "{complaint}");
    }
}
