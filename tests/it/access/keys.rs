//! Keys in the database: created, revoked and expired while a server is running.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::api_key;
use entity::ids::{ApiKeyId, Tenant};
use faceql::access::caller::Scopes;
use faceql::access::keys::{Keys, NewKey};
use faceql::clock::Clock;
use faceql::store::database::Database;
use faceql::store::secret::Secret;
use futures_util::poll;
use reqwest::StatusCode;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use crate::access::tenants::ACME;
use crate::support::binary::{Binary, faceql};
use crate::support::client::read;
use crate::support::server::{config, eventually, files, real_encoder};
use crate::support::{Client, TestServer, code};
use crate::transports::socket_protocol::{FEED, Raw, subscribe};

const VERSION: &str = "{ service { version } }";
const CREATE: &str = "mutation { createContainer { container { id } } }";

/// The keys of a server's database, as the command line opens them.
async fn keys_beside(server: &TestServer, clock: Clock) -> Keys {
    let config = config(server.folder(), &[]);
    let database = Database::open_beside(&config.database).await.unwrap();
    Keys::new(database, &Secret::read(&config.secret).unwrap(), clock)
}

fn new_key(tenant: &str, scopes: Scopes) -> NewKey {
    NewKey { tenant: Tenant::parse(tenant).unwrap(), label: "a test".into(), scopes, expires_at: None }
}

async fn made(server: &TestServer, tenant: &str, scopes: Scopes) -> (Keys, ApiKeyId, Client) {
    let keys = keys_beside(server, Clock::system()).await;
    let (id, text) = keys.create(new_key(tenant, scopes)).await.unwrap();
    (keys, id, server.client_with_key(&text))
}

async fn keyed_server() -> TestServer {
    TestServer::with(&[("FACEQL_API_KEY", &format!("acme:{ACME}"))]).await
}

/// A WebSocket that was opened with the client's key.
async fn socket_of(server: &TestServer, client: &Client) -> Raw {
    let mut socket = Raw::speaking(server).await;
    socket.say(json!({ "type": "connection_init", "payload": { "X-API-Key": client.key() } })).await;
    assert_eq!(socket.hear().await["type"], "connection_ack");
    socket
}

/// The result of `wanted`, within the time in which a revoked key must be refused.
async fn in_five_seconds<T>(wanted: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(5), wanted).await.expect("it took more than five seconds")
}

/// Returns once the client's key is refused.
async fn shut_out(client: &Client) {
    let is_out = async || client.refusal_or_none(VERSION).await.as_deref() == Some("UNAUTHENTICATED");
    in_five_seconds(eventually(is_out)).await;
}

#[tokio::test]
async fn key_is_accepted_as_soon_as_it_is_created_and_only_for_its_scopes() {
    let server = keyed_server().await;
    let (_, _, reader) = made(&server, "acme", "read".parse().unwrap()).await;
    let (_, _, writer) = made(&server, "other", Scopes::TENANT).await;
    reader.data(VERSION, json!({})).await;
    assert_eq!(reader.refusal(CREATE, json!({})).await, "FORBIDDEN");
    let theirs = writer.create_container().await;
    let query = "query($id: ID!) { container(id: $id) { id } }";
    assert_eq!(reader.data(query, json!({ "id": theirs })).await, json!({ "container": null }));
    server.stop().await;
}

#[tokio::test]
async fn every_request_needs_a_key_once_the_first_one_exists() {
    let server = TestServer::start().await;
    let mut socket = Raw::acknowledged(&server).await;
    socket.say(subscribe("1", FEED)).await;
    let (keys, id, holder) = made(&server, "acme", Scopes::TENANT).await;
    // The key works from its first request on, and requests without a key are refused.
    let theirs = holder.create_container().await;
    assert_eq!(server.client().refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    assert_eq!(in_five_seconds(socket.closed()).await, 4403);
    assert_eq!(holder.container(&theirs, "id").await["id"], json!(theirs));
    // Revoking the last key does not restore access without keys.
    keys.revoke(id).await.unwrap();
    shut_out(&holder).await;
    assert_eq!(server.client().refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    let server = server.restart(&[]).await;
    assert_eq!(server.client().refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    server.stop().await;
}

#[tokio::test]
async fn revoking_a_key_ends_its_open_connections() {
    let server = keyed_server().await;
    let (keys, id, holder) = made(&server, "acme", Scopes::TENANT).await;
    let mut socket = socket_of(&server, &holder).await;
    socket.say(subscribe("1", FEED)).await;
    let events = holder.post().header("accept", "text/event-stream").json(&json!({ "query": FEED }));
    let events = events.send().await.unwrap();
    let mut other = socket_of(&server, &server.client_with_key(ACME)).await;

    keys.revoke(id).await.unwrap();
    in_five_seconds(async {
        assert_eq!(socket.closed().await, 4403);
        // Not completed: it was cut off.
        assert!(!events.text().await.unwrap().contains("complete"));
    })
    .await;
    assert_eq!(holder.refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    let mut again = Raw::speaking(&server).await;
    again.say(json!({ "type": "connection_init", "payload": { "X-API-Key": holder.key() } })).await;
    assert_eq!(again.closed().await, 4403);
    // Connections of other keys stay open.
    other.say(json!({ "type": "ping" })).await;
    assert_eq!(other.hear().await["type"], "pong");
    let listed = keys.list().await.unwrap();
    assert!(listed[0].revoked_at.is_some() && listed[0].last_used_at.is_some());
    server.stop().await;
}

#[tokio::test]
async fn revoked_key_is_refused_even_while_its_last_use_cannot_be_written() {
    let server = keyed_server().await;
    let (keys, id, holder) = made(&server, "acme", Scopes::TENANT).await;
    let database = server.containers.database.clone();
    // From before its first use until the end, others hold the write turn, starting with the process that revokes it.
    let revoking = database.write().await.unwrap();
    let mut next = pin!(database.write());
    assert!(poll!(&mut next).is_pending());
    let mut socket = socket_of(&server, &holder).await;
    let revoked = api_key::Entity::update_many()
        .col_expr(api_key::Column::RevokedAt, Expr::value(Clock::system().now()))
        .filter(api_key::Column::Id.eq(id));
    revoked.exec(&*revoking).await.unwrap();
    revoking.commit().await.unwrap();
    let next = next.await.unwrap();
    assert_eq!(in_five_seconds(socket.closed()).await, 4403);
    assert_eq!(holder.refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    assert_eq!(keys.list().await.unwrap()[0].last_used_at, None);
    drop(next);
    eventually(async || keys.list().await.unwrap()[0].last_used_at.is_some()).await;
    server.stop().await;
}

#[tokio::test]
async fn expired_key_is_refused_and_its_sockets_are_closed() {
    let now = Arc::new(Mutex::new("2026-01-31T12:34:56Z".parse::<DateTime<Utc>>().unwrap()));
    let told = now.clone();
    let clock = Clock::from_fn(move || *told.lock().unwrap());
    let keyed = format!("acme:{ACME}");
    let server =
        TestServer::assemble(&[("FACEQL_API_KEY", &keyed)], clock.clone(), real_encoder().await).await;
    let keys = keys_beside(&server, clock.clone()).await;
    let expires_at = Some(clock.now() + TimeDelta::hours(1));
    let (_, text) = keys.create(NewKey { expires_at, ..new_key("acme", Scopes::ALL) }).await.unwrap();
    let holder = server.client_with_key(&text);
    holder.data(VERSION, json!({})).await;
    let mut socket = Raw::speaking(&server).await;
    socket
        .say(
            json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {}", *text) } }),
        )
        .await;
    assert_eq!(socket.hear().await["type"], "connection_ack");
    // The last use is stored to the minute.
    let used = || async { keys.list().await.unwrap()[0].last_used_at };
    eventually(async || used().await == Some("2026-01-31T12:34:00Z".parse().unwrap())).await;

    *now.lock().unwrap() += TimeDelta::hours(1);
    assert_eq!(holder.refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    assert_eq!(in_five_seconds(socket.closed()).await, 4403);
    server.stop().await;
}

#[tokio::test]
async fn no_key_is_stored_and_keys_under_another_secret_are_refused() {
    let server = keyed_server().await;
    let (keys, _, holder) = made(&server, "acme", Scopes::TENANT).await;
    holder.data(VERSION, json!({})).await;
    let digest = keys.list().await.unwrap()[0].digest.clone();
    let folder = server.stop_with_jobs().await;
    let text = holder.key();
    for file in files(folder.path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(32).any(|part| part == &text.as_bytes()[4..36]), "{}", file.display());
    }
    // With the database but without the secret, keys cannot be recognised.
    std::fs::write(folder.path().join("secret"), "ab".repeat(32)).unwrap();
    let config = config(folder.path(), &[]);
    let database = Database::open(&config.database).await.unwrap();
    let others = Keys::new(database, &Secret::read(&config.secret).unwrap(), Clock::system());
    assert_eq!(others.list().await.unwrap()[0].digest, digest);
    assert!(others.find(text).await.unwrap().is_none());
}

#[tokio::test]
async fn failed_attempts_are_limited_by_address_and_valid_keys_are_not() {
    let keyed = format!("acme:{ACME}");
    let server =
        TestServer::with(&[("FACEQL_API_KEY", &keyed), ("FACEQL_AUTH_FAILURES_PER_MINUTE", "3")]).await;
    let (_, _, holder) = made(&server, "acme", Scopes::TENANT).await;
    holder.data(VERSION, json!({})).await;
    let stranger = server.client_with_key("wrong-key-0123456789");
    for _ in 0..3 {
        assert_eq!(stranger.refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    }
    let refused = stranger.post().json(&json!({ "query": VERSION })).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    let response = read(refused).await;
    let wait = response["errors"][0]["extensions"]["retryAfterMs"].as_u64().unwrap();
    assert_eq!((code(&response), seconds), ("RATE_LIMITED", wait.div_ceil(1000)));
    assert!((1..=60_000).contains(&wait));
    assert_eq!(server.client().refusal(VERSION, json!({})).await, "RATE_LIMITED", "a missing key counts too");
    holder.data(VERSION, json!({})).await;
    server.client_with_key(ACME).data(VERSION, json!({})).await;
    // Valid keys that the server has not loaded yet are accepted too.
    let (keys, id, newcomer) = made(&server, "acme", Scopes::TENANT).await;
    newcomer.data(VERSION, json!({})).await;
    keys.revoke(id).await.unwrap();
    let refused = async || newcomer.refusal_or_none(VERSION).await.as_deref() == Some("RATE_LIMITED");
    in_five_seconds(eventually(refused)).await;
    server.stop().await;
}

#[tokio::test]
async fn key_is_accepted_on_its_first_use_after_a_restart_even_from_a_limited_address() {
    let server = keyed_server().await;
    let (_, _, holder) = made(&server, "acme", Scopes::TENANT).await;
    let keyed = format!("acme:{ACME}");
    let limited = [("FACEQL_API_KEY", &*keyed), ("FACEQL_AUTH_FAILURES_PER_MINUTE", "1")];
    let server = server.restart(&limited).await;
    let stranger = server.client_with_key("wrong-key-0123456789");
    assert_eq!(stranger.refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    assert_eq!(stranger.refusal(VERSION, json!({})).await, "RATE_LIMITED");
    server.client_with_key(holder.key()).data(VERSION, json!({})).await;
    server.stop().await;
}

#[tokio::test]
async fn command_line_creates_lists_and_revokes_keys_beside_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let keys = |arguments: &[&str]| {
        let output = faceql(folder.path(), "keys", &[]).args(arguments).output().unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    // This also works before a server was ever started.
    let (made, key, told) = keys(&["create", "--tenant", "acme", "--label", "front door"]);
    assert!(
        made && key.starts_with("fql_") && key.trim_end().len() == 76 && !told.contains(key.trim_end()),
        "{told}"
    );
    let server = Binary::serve(folder.path(), &[]).await;
    let holder = Client::new(server.client.address, Some(key.trim_end().into()));
    holder.data(VERSION, json!({})).await;
    assert_eq!(server.client.refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    let (_, list, _) = keys(&["list"]);
    let id = list.split_whitespace().next().unwrap();
    assert!(list.contains("acme  read+write  valid") && list.contains("front door"), "{list}");
    assert!(told.contains(id) && told.contains("faceql.db") && told.contains("--tenant default"), "{told}");
    let (_, _, second) = keys(&["create"]);
    assert!(!second.contains("--tenant default"), "only the first key ends access without keys: {second}");
    let (revoked, _, _) = keys(&["revoke", id]);
    assert!(revoked && keys(&["list"]).1.contains("revoked"));
    shut_out(&holder).await;
    for (wrong, expected) in [
        (vec!["revoke", "key_01h455vb4pex5vsknk084sn02q"], "no such key"),
        (vec!["revoke", id.trim_start_matches("key_")], "not a key id"),
        (vec!["create", "--scopes", "all"], "scopes are"),
        (vec!["create", "--expires-at", "tomorrow"], "2027-01-31T12:00:00Z"),
        (vec!["create", "--expires-at", "2020-01-01T00:00:00Z"], "in the past"),
    ] {
        let (succeeded, _, told) = keys(&wrong);
        assert!(!succeeded && told.contains(expected), "{told}");
    }
    assert!(server.terminate().success());
}

#[test]
fn read_only_commands_create_no_database() {
    let folder = tempfile::tempdir().unwrap();
    for (task, rest) in [
        ("keys", &["list"][..]),
        ("keys", &["revoke", "key_01h455vb4pex5vsknk084sn02q"]),
        ("audit", &["verify"]),
        ("audit", &["head"]),
    ] {
        let refused = faceql(folder.path(), task, &[]).args(rest).output().unwrap();
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && told.contains("there is no database faceql.db"), "{told}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{task} {rest:?}");
    }
}

#[test]
fn key_that_cannot_be_printed_is_reported_as_one_to_revoke() {
    let folder = tempfile::tempdir().unwrap();
    let mut keys = faceql(folder.path(), "keys", &[]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let unseen = keys.arg("create").stdout(writer).output().unwrap();
    let told = String::from_utf8(unseen.stderr).unwrap();
    let (_, id) = told.trim_end().trim_end_matches('`').rsplit_once(' ').unwrap();
    assert!(!unseen.status.success() && told.contains("`faceql keys revoke key_"), "{told}");
    let revoked = faceql(folder.path(), "keys", &[]).args(["revoke", id]).output().unwrap();
    assert!(revoked.status.success(), "{revoked:?}");
}

#[tokio::test]
async fn server_listens_to_the_network_only_with_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let network = [("FACEQL_LISTEN", "0.0.0.0:0")];
    let refused = faceql(folder.path(), "serve", &network).output().unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && told.contains("faceql keys create"), "{told}");
    assert!(faceql(folder.path(), "keys", &[]).arg("create").output().unwrap().status.success());
    assert!(Binary::serve(folder.path(), &network).await.terminate().success());
}

#[tokio::test]
async fn revoking_a_key_again_keeps_the_first_time_of_revocation() {
    let server = keyed_server().await;
    let (keys, id, _) = made(&server, "acme", Scopes::TENANT).await;
    keys.revoke(id).await.unwrap();
    let since = keys.list().await.unwrap()[0].revoked_at;
    keys.revoke(id).await.unwrap();
    assert!(since.is_some());
    assert_eq!(keys.list().await.unwrap()[0].revoked_at, since);
    server.stop().await;
}

#[tokio::test]
async fn last_use_is_written_at_shutdown_even_of_a_revoked_key() {
    let server = keyed_server().await;
    let (keys, id, holder) = made(&server, "acme", Scopes::TENANT).await;
    holder.data(VERSION, json!({})).await;
    keys.revoke(id).await.unwrap();
    // An unknown key makes the server reload the valid keys.
    let (_, _, newcomer) = made(&server, "acme", Scopes::TENANT).await;
    newcomer.data(VERSION, json!({})).await;
    assert_eq!(holder.refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    let folder = server.stop_with_jobs().await;
    let config = config(folder.path(), &[]);
    let database = Database::open(&config.database).await.unwrap();
    let keys = Keys::new(database, &Secret::read(&config.secret).unwrap(), Clock::system());
    let listed = keys.list().await.unwrap();
    assert!(listed.len() == 2 && listed.iter().all(|key| key.last_used_at.is_some()), "{listed:?}");
}
