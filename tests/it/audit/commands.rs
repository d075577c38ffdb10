//! `faceql audit`, with and without a running server, and the entries that other commands leave in the log.

use std::path::Path;

use faceql::store::database::Database;
use sea_orm::ConnectionTrait;

use super::{entries, ids};
use crate::bulk::{CONSENT, faceql, tree};
use crate::support::binary::Binary;
use crate::support::server::config;

async fn tamper(folder: &Path, statement: &str) {
    let database = Database::open(&config(folder, &[]).database).await.unwrap();
    let write = database.write().await.unwrap();
    write.execute_unprepared(statement).await.unwrap();
    write.commit().await.unwrap();
    database.close().await;
}

#[tokio::test]
async fn log_is_verified_beside_a_server_and_a_stored_head_reveals_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let audit = |code, arguments: &[&str]| faceql(code, folder.path(), &[&["audit"], arguments].concat());
    let server = Binary::serve(folder.path(), &[]).await;
    assert!(audit(0, &["verify"]).contains("the log has no entries"));
    for _ in 0..3 {
        server.client.create_container().await;
    }
    let kept = audit(0, &["head"]);
    assert!(kept.starts_with("3:"), "{kept}");
    server.client.create_container().await;
    let told = audit(0, &["verify", "--head", kept.trim()]);
    assert!(told.contains("entries 1 to 4 are unchanged"), "{told}");
    assert!(server.terminate().success());

    tamper(folder.path(), "UPDATE audit_entries SET actor = 'somebody' WHERE sequence = 2").await;
    assert!(audit(1, &["verify"]).contains("FAIL entry 2 was modified"));
    tamper(folder.path(), "DELETE FROM audit_entries; DELETE FROM audit_heads").await;
    let told = audit(1, &["verify"]);
    assert!(told.contains("the log was started, but it is empty") && told.contains("secret.audit"), "{told}");
    assert!(audit(2, &["head"]).contains("run `faceql audit verify`"));
    let told = audit(1, &["verify", "--head", kept.trim()]);
    assert!(told.contains("FAIL the log ends before entry 3, whose head was saved"), "{told}");
    assert!(audit(2, &["verify", "--head", "nonsense"]).contains("as `faceql audit head` prints it"));

    std::fs::remove_file(folder.path().join("secret")).unwrap();
    assert!(audit(2, &["verify"]).contains("FACEQL_SECRET_FILE"));
    assert!(audit(2, &["head"]).contains("FACEQL_SECRET_FILE"), "it creates no secret");
}

#[tokio::test]
async fn log_that_was_emptied_while_the_server_was_stopped_is_reported_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = Binary::serve(folder.path(), &[]).await;
    server.client.create_container().await;
    assert!(server.terminate().success());
    tamper(folder.path(), "DELETE FROM audit_entries; DELETE FROM audit_heads").await;
    let server = Binary::serve(folder.path(), &[]).await;
    server.client.create_container().await;
    let log = server.log_at_its_end();
    assert!(log.contains("the log was started") && log.contains("new entries follow after a gap"), "{log}");
    assert!(faceql(1, folder.path(), &["audit", "verify"]).contains("FAIL entry 1 is missing"));
}

#[tokio::test]
async fn replaced_database_is_reported_until_the_replacement_is_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let audit = |code| faceql(code, folder.path(), &["audit", "verify"]);
    let create = || faceql(0, folder.path(), &["keys", "create"]);
    create();
    assert!(!audit(0).contains("secret.audit"));
    for file in ["faceql.db", "faceql.db-wal", "faceql.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(file));
    }
    create();
    assert!(audit(1).contains("lists a log of another database"));
    std::fs::remove_file(folder.path().join("secret.audit")).unwrap();
    let told = audit(1);
    assert!(told.contains("FAIL") && told.contains("secret.audit does not list"), "{told}");
    assert!(Binary::serve(folder.path(), &[]).await.terminate().success());
    assert!(audit(0).contains("entries 1 to 1 are unchanged"));

    std::fs::write(folder.path().join("secret.audit"), "{}").unwrap();
    assert!(audit(1).contains("secret.audit, which records that the log was started, was modified"));
}

#[tokio::test]
async fn changes_and_reads_of_the_shell_are_recorded_by_command() {
    let (here, there) = (tree(), tempfile::tempdir().unwrap());
    faceql(0, here.path(), &[&["enroll", "people"], CONSENT.as_slice()].concat());
    faceql(0, here.path(), &["export", "people.ndjson"]);
    let file = here.path().join("people.ndjson").display().to_string();
    faceql(0, there.path(), &["import", &file]);
    faceql(0, there.path(), &["import", &file]);
    let log = entries(&config(here.path(), &[]).database).await;
    let acts: Vec<&str> = log.iter().map(|entry| &*entry.act).collect();
    assert_eq!(acts, ["faceql enroll", "faceql enroll", "faceql export"]);
    assert!(log.iter().all(|entry| (&*entry.actor, &*entry.request) == ("shell", "")));
    let people = |entry| ids(entry).into_iter().filter(|id| id.starts_with("person_")).count();
    assert_eq!(log.iter().map(people).collect::<Vec<_>>(), [1, 1, 2]);
    let log = entries(&config(there.path(), &[]).database).await;
    let acts: Vec<_> = log.iter().map(|entry| (&*entry.act, people(entry))).collect();
    assert_eq!(acts, [("faceql import", 2)], "the second one changed nothing");
    faceql(0, there.path(), &["audit", "verify"]);
}

#[tokio::test]
async fn created_and_revoked_keys_are_recorded_for_their_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let server = Binary::serve(folder.path(), &[]).await;
    let made = faceql(0, folder.path(), &["keys", "create", "--tenant", "acme"]);
    let id = made.split([' ', ':', '\n']).find(|word| word.starts_with("key_")).unwrap();
    faceql(0, folder.path(), &["keys", "revoke", id]);
    assert!(server.terminate().success());
    let log = entries(&config(folder.path(), &[]).database).await;
    let told: Vec<_> = log.iter().map(|entry| (&*entry.act, &*entry.actor, entry.tenant.as_str())).collect();
    assert_eq!(told, [("faceql keys create", "shell", "acme"), ("faceql keys revoke", "shell", "acme")]);
    assert!(log.iter().all(|entry| ids(entry) == [id.to_owned()].into()));
}
