//! Keys of the database: made, revoked and expired beside a running server.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::api_key;
use entity::ids::{ApiKeyId, Tenant};
use faceql::caller::Scopes;
use faceql::clock::Clock;
use faceql::database::Database;
use faceql::keys::{Keys, NewKey};
use faceql::secret::Secret;
use futures_util::poll;
use reqwest::StatusCode;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use crate::process::{Binary, faceql};
use crate::socket_protocol::{FEED, Raw, subscribe};
use crate::support::client::read;
use crate::support::server::{config, eventually, files, real_encoder};
use crate::support::{Client, TestServer, code};
use crate::tenants::ACME;

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

/// A socket that was opened with the client's key.
async fn socket_of(server: &TestServer, client: &Client) -> Raw {
    let mut socket = Raw::speaking(server).await;
    socket.say(json!({ "type": "connection_init", "payload": { "X-API-Key": client.key() } })).await;
    assert_eq!(socket.hear().await["type"], "connection_ack");
    socket
}

/// What `wanted` gives, within the time in which whoever is shut out is out.
async fn in_five_seconds<T>(wanted: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(5), wanted).await.expect("it took more than five seconds")
}

/// Returns once the client's key lets in no more.
async fn shut_out(client: &Client) {
    let is_out = async || client.refusal_or_none(VERSION).await.as_deref() == Some("UNAUTHENTICATED");
    in_five_seconds(eventually(is_out)).await;
}

#[tokio::test]
async fn key_lets_in_as_soon_as_it_is_made_and_only_as_far_as_its_scopes() {
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
async fn from_the_first_key_on_everybody_is_asked_for_one() {
    let server = TestServer::start().await;
    let mut socket = Raw::acknowledged(&server).await;
    socket.say(subscribe("1", FEED)).await;
    let (keys, id, holder) = made(&server, "acme", Scopes::TENANT).await;
    // From its first request on it is let in for what it is, and nobody without it.
    let theirs = holder.create_container().await;
    assert_eq!(server.client().refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    assert_eq!(in_five_seconds(socket.closed()).await, 4403);
    assert_eq!(holder.container(&theirs, "id").await["id"], json!(theirs));
    // Nor does revoking the last one open the doors again.
    keys.revoke(id).await.unwrap();
    shut_out(&holder).await;
    assert_eq!(server.client().refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    let server = server.restart(&[]).await;
    assert_eq!(server.client().refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    server.stop().await;
}

#[tokio::test]
async fn revoking_a_key_ends_what_goes_on_for_it() {
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
        // Not completed: it has been cut off.
        assert!(!events.text().await.unwrap().contains("complete"));
    })
    .await;
    assert_eq!(holder.refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    let mut again = Raw::speaking(&server).await;
    again.say(json!({ "type": "connection_init", "payload": { "X-API-Key": holder.key() } })).await;
    assert_eq!(again.closed().await, 4403);
    // Others go on.
    other.say(json!({ "type": "ping" })).await;
    assert_eq!(other.hear().await["type"], "pong");
    let listed = keys.list().await.unwrap();
    assert!(listed[0].revoked_at.is_some() && listed[0].last_used_at.is_some());
    server.stop().await;
}

#[tokio::test]
async fn revoked_key_is_shut_out_also_while_its_last_use_cannot_be_written_down() {
    let server = keyed_server().await;
    let (keys, id, holder) = made(&server, "acme", Scopes::TENANT).await;
    let database = server.verification.database.clone();
    // From before its first use until after its end others have the turn to write: first the one that revokes it.
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
async fn key_that_has_expired_lets_in_no_more_and_its_sockets_close() {
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
    // Its use is known to the minute.
    let used = || async { keys.list().await.unwrap()[0].last_used_at };
    eventually(async || used().await == Some("2026-01-31T12:34:00Z".parse().unwrap())).await;

    *now.lock().unwrap() += TimeDelta::hours(1);
    assert_eq!(holder.refusal(VERSION, json!({})).await, "UNAUTHENTICATED");
    assert_eq!(in_five_seconds(socket.closed()).await, 4403);
    server.stop().await;
}

#[tokio::test]
async fn no_key_is_stored_and_none_of_another_secret_lets_in() {
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
    // Who has the database and not the secret cannot tell keys.
    std::fs::write(folder.path().join("secret"), "ab".repeat(32)).unwrap();
    let config = config(folder.path(), &[]);
    let database = Database::open(&config.database).await.unwrap();
    let others = Keys::new(database, &Secret::read(&config.secret).unwrap(), Clock::system());
    assert_eq!(others.list().await.unwrap()[0].digest, digest);
    assert!(others.find(text).await.unwrap().is_none());
}

#[tokio::test]
async fn strangers_are_held_back_by_address_and_holders_of_keys_are_not() {
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
    assert_eq!(server.client().refusal(VERSION, json!({})).await, "RATE_LIMITED", "no key at all counts too");
    holder.data(VERSION, json!({})).await;
    server.client_with_key(ACME).data(VERSION, json!({})).await;
    // Nor are those whose keys the server has not seen before.
    let (keys, id, newcomer) = made(&server, "acme", Scopes::TENANT).await;
    newcomer.data(VERSION, json!({})).await;
    keys.revoke(id).await.unwrap();
    let refused = async || newcomer.refusal_or_none(VERSION).await.as_deref() == Some("RATE_LIMITED");
    in_five_seconds(eventually(refused)).await;
    server.stop().await;
}

#[tokio::test]
async fn key_lets_in_on_its_first_use_after_a_restart_whoever_has_its_address() {
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
async fn command_line_makes_lists_and_revokes_keys_beside_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let keys = |arguments: &[&str]| {
        let output = faceql(folder.path(), "keys", &[]).args(arguments).output().unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    // Also before there is a server.
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
    assert!(!second.contains("--tenant default"), "only the first one shuts anybody out: {second}");
    let (revoked, _, _) = keys(&["revoke", id]);
    assert!(revoked && keys(&["list"]).1.contains("revoked"));
    shut_out(&holder).await;
    for (wrong, expected) in [
        (vec!["revoke", "key_01h455vb4pex5vsknk084sn02q"], "no such key"),
        (vec!["revoke", id.trim_start_matches("key_")], "not the id of a key"),
        (vec!["create", "--scopes", "all"], "scopes are"),
        (vec!["create", "--expires-at", "tomorrow"], "2027-01-31T12:00:00Z"),
        (vec!["create", "--expires-at", "2020-01-01T00:00:00Z"], "over already"),
    ] {
        let (succeeded, _, told) = keys(&wrong);
        assert!(!succeeded && told.contains(expected), "{told}");
    }
    assert!(server.terminate().success());
}

#[test]
fn commands_that_look_make_no_database() {
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
fn key_that_cannot_be_shown_is_told_to_be_revoked() {
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
async fn network_is_listened_to_only_with_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let network = [("FACEQL_LISTEN", "0.0.0.0:0")];
    let refused = faceql(folder.path(), "serve", &network).output().unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && told.contains("faceql keys create"), "{told}");
    assert!(faceql(folder.path(), "keys", &[]).arg("create").output().unwrap().status.success());
    assert!(Binary::serve(folder.path(), &network).await.terminate().success());
}

#[tokio::test]
async fn key_that_is_revoked_again_stays_revoked_since_when_it_was() {
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
async fn last_use_is_written_down_at_the_end_also_of_a_key_that_was_revoked() {
    let server = keyed_server().await;
    let (keys, id, holder) = made(&server, "acme", Scopes::TENANT).await;
    holder.data(VERSION, json!({})).await;
    keys.revoke(id).await.unwrap();
    // For somebody new the server looks which keys let in.
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
