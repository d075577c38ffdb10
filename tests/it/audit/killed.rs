//! The real binary, killed while it writes: every change has its entry, and every entry its change.

use std::time::Duration;

use entity::{container, enrollment};
use faceql::audit::AuditLog;
use faceql::clock::Clock;
use faceql::store::database::Database;
use faceql::store::secret::{Secret, SecretConfig};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::json;

use super::entries;
use crate::support::Client;
use crate::support::binary::Binary;
use crate::support::server::config;

const ROUNDS: u64 = 4;
const START: &str = "mutation { createContainer { container { id } } startEnrollment(input: {
    externalId: \"joe\", consent: {grantedAt: \"2026-01-31T12:00:00Z\"}}) { enrollment { id } } }";

/// Writes until the server is gone; returns how many requests were acknowledged.
async fn write_all(client: Client) -> usize {
    let mut answered = 0;
    while let Ok(response) = client.post().json(&json!({ "query": START })).send().await {
        if response.bytes().await.is_err() {
            break;
        }
        answered += 1;
    }
    answered
}

#[tokio::test]
async fn killed_at_any_moment_it_has_an_entry_for_each_change_and_an_intact_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut answered = 0;
    for round in 0..ROUNDS {
        let mut binary = Binary::serve(folder.path(), &[]).await;
        let writing = [0, 1].map(|_| tokio::spawn(write_all(binary.client.clone())));
        // The moment varies, since it is what is being tested.
        tokio::time::sleep(Duration::from_millis(50 + round * 7919 % 396)).await;
        binary.kill();
        for writing in writing {
            answered += writing.await.unwrap();
        }
    }
    let database = config(folder.path(), &[]).database;
    let log = entries(&database).await;
    let count = |act: &str| log.iter().filter(|entry| (&*entry.act, &*entry.outcome) == (act, "OK")).count();
    let database = Database::open(&database).await.unwrap();
    let reader = database.reader();
    let containers = usize::try_from(container::Entity::find().count(reader).await.unwrap()).unwrap();
    let sessions = usize::try_from(enrollment::Entity::find().count(reader).await.unwrap()).unwrap();
    assert!(answered > 0 && containers >= answered && sessions >= answered, "{answered}");
    assert_eq!((count("createContainer"), count("startEnrollment")), (containers, sessions));

    let secret = SecretConfig { file: folder.path().join("secret") };
    let secret = Secret::read(&secret).unwrap();
    let log = AuditLog::of_writes(database, &secret, Clock::system());
    assert_eq!(log.verify(None, |_| {}).await.unwrap().faults, []);
}
