//! Every act and every read has an entry.

use entity::audit_entry::Entity;
use entity::ids::Tenant;
use futures_util::FutureExt;
use sea_orm::EntityTrait;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{House, acts, database_config, id};
use crate::access::caller::{Caller, Scopes};
use crate::access::database_secret;
use crate::actor::Actor;
use crate::audit::{AuditConfig, AuditLog, BUFFER, Recorder};
use crate::clock::Clock;
use crate::shares::{Party, SharesConfig};
use crate::store::database::Database;
use crate::store::secret::SecretConfig;

/// A log whose recorder is not running yet.
async fn log_in(folder: &TempDir, shares: SharesConfig) -> (AuditLog, Recorder) {
    let database = Database::open(&database_config(folder)).await.unwrap();
    let config = SecretConfig { file: folder.path().join("secret") };
    let secret = database_secret::secret_of(&database, &config).await.unwrap();
    AuditLog::new(database, &secret, Clock::system(), &AuditConfig { retention: None }, shares)
}

fn tenant() -> Tenant {
    Tenant::parse("acme").unwrap()
}

#[tokio::test]
async fn entry_of_a_write_comes_and_goes_with_the_write() {
    let house = House::idle().await;
    let trail = house.trail();
    let doing = trail.begin("createContainer").await.unwrap();
    let mut write = house.log.database.write().await.unwrap();
    trail.record(&mut write, [id()]).await.unwrap();
    drop(write);
    doing.end(Some("STORAGE_UNAVAILABLE".into()));
    drop(trail);
    house.write_one().await;
    assert_eq!(acts(&house.entries().await), [("deletePerson", "OK")], "committed together");
    let house = house.reopen().await;
    let expected = [("deletePerson", "OK"), ("createContainer", "STORAGE_UNAVAILABLE")];
    assert_eq!(acts(&house.entries().await), expected);
    assert_eq!(house.faults().await, []);
}

#[tokio::test]
async fn whatever_becomes_of_an_act_it_has_one_entry() {
    let house = House::idle().await;
    let trail = house.trail();
    let named = id();
    let doing = trail.begin("identifyPerson").await.unwrap();
    trail.about([named, named]);
    doing.end(None);
    trail.begin("verifyPerson").await.unwrap().end(Some("NO_FACE".into()));
    drop(trail.begin("compareFaces").await.unwrap());
    // The client disconnects during the commit.
    let doing = trail.begin("deleteFace").await.unwrap();
    let mut write = house.log.database.write().await.unwrap();
    trail.record(&mut write, [id()]).await.unwrap();
    drop(doing);
    write.commit().await.unwrap();
    drop(trail);
    let house = house.reopen().await;
    let entries = house.entries().await;
    let mut acts = acts(&entries);
    acts.sort_unstable();
    let expected = [
        ("compareFaces", "BROKEN_OFF"),
        ("deleteFace", "OK"),
        ("identifyPerson", "OK"),
        ("verifyPerson", "NO_FACE"),
    ];
    assert_eq!(acts, expected);
    let search = entries.iter().find(|entry| entry.act == "identifyPerson").unwrap();
    assert_eq!(search.ids.matches("person_").count(), 1, "{}", search.ids);
    assert_eq!((search.tenant.as_str(), &*search.actor, &*search.request), ("acme", "key_1", "request-1"));
}

#[tokio::test]
async fn acts_of_a_request_that_came_to_the_same_have_one_entry_with_all_ids() {
    let house = House::idle().await;
    let trail = house.trail();
    for outcome in [None, None, Some("NO_FACE".to_owned()), None] {
        let doing = trail.begin("identifyPerson").await.unwrap();
        trail.about([id(), id()]);
        doing.end(outcome);
    }
    drop(trail);
    let trail = house.trail();
    for _ in 0..3 {
        let doing = trail.begin("identifyFaces").await.unwrap();
        trail.about((0..400).map(|_| id()));
        doing.end(None);
    }
    drop(trail);
    let house = house.reopen().await;
    let told = |entry: &entity::audit_entry::Model| {
        (entry.act.clone(), entry.times, entry.ids.matches("person_").count(), entry.ids_left_out)
    };
    let told: Vec<_> = house.entries().await.iter().map(told).collect();
    let (person, faces) = (|| "identifyPerson".to_owned(), || "identifyFaces".to_owned());
    assert_eq!(told, [(person(), 3, 6, 0), (person(), 1, 2, 0), (faces(), 2, 800, 0), (faces(), 1, 400, 0)]);
    assert_eq!(house.faults().await, []);
}

#[tokio::test]
async fn flood_of_refusals_is_counted_and_what_succeeds_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (log, recorder) = log_in(&folder, SharesConfig::WHOLE).await;
    for number in 0..2000 {
        let (key, request) = (format!("key_{}", number % 2), number.to_string());
        let trail = log.trail(&tenant(), key, request, Party::unlimited());
        let doing = trail.begin("compareFaces").await.unwrap();
        doing.end((number >= 100).then(|| "NO_FACE".to_owned()));
    }
    let stop = CancellationToken::new();
    stop.cancel();
    recorder.run(stop).await;
    let entries = Entity::find().all(log.database.reader()).await.unwrap();
    let of =
        |key, outcome| entries.iter().filter(move |entry| (&*entry.actor, &*entry.outcome) == (key, outcome));
    for key in ["key_0", "key_1"] {
        assert_eq!(of(key, "OK").count(), 50);
        assert_eq!(of(key, "NO_FACE").count(), 17);
        assert_eq!(of(key, "NO_FACE").map(|entry| entry.times).sum::<i64>(), 950);
        let counting: Vec<_> = of(key, "NO_FACE").filter(|entry| entry.times > 1).collect();
        assert_eq!((counting.len(), &*counting[0].request), (1, ""), "no single request");
    }
    assert_eq!(log.verify(None, |_| {}).await.unwrap().faults, []);
}

#[tokio::test]
async fn what_a_request_shows_has_one_entry_and_much_of_it_has_several() {
    let house = House::idle().await;
    let trail = house.trail();
    for id in [id(), id()] {
        trail.show(id).await.unwrap();
        trail.show(id).await.unwrap();
    }
    trail.flush();
    trail.flush();
    for _ in 0..2500 {
        trail.show(id()).await.unwrap();
    }
    drop(trail);
    let house = house.reopen().await;
    let shown = |entry: &entity::audit_entry::Model| entry.ids.matches("person_").count();
    let shown: Vec<usize> = house.entries().await.iter().map(shown).collect();
    assert_eq!(shown, [2, 1000, 1000, 500]);
}

#[tokio::test]
async fn write_about_more_than_an_entry_holds_says_how_much_more() {
    let house = House::idle().await;
    let trail = house.log.trail_of_command(&tenant(), "shell".into(), "faceql import");
    let mut write = house.log.database.write().await.unwrap();
    trail.record(&mut write, (0..1001).map(|_| id())).await.unwrap();
    trail.record(&mut write, [id()]).await.unwrap();
    write.commit().await.unwrap();
    drop(trail);
    let house = house.reopen().await;
    let entries = house.entries().await;
    assert_eq!(acts(&entries), [("faceql import", "OK"); 2]);
    assert_eq!(entries.iter().map(|entry| entry.ids_left_out).collect::<Vec<_>>(), [1, 0]);
}

#[tokio::test]
async fn request_waits_while_the_buffer_is_full_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (log, recorder) = log_in(&folder, SharesConfig::WHOLE).await;
    let trail = || log.trail(&tenant(), "anonymous".into(), String::new(), Party::unlimited());
    for _ in 0..BUFFER {
        assert!(trail().show(id()).now_or_never().unwrap().is_ok());
    }
    let trail = trail();
    let mut waiting = Box::pin(trail.show(id()));
    assert!(waiting.as_mut().now_or_never().is_none());
    let stop = CancellationToken::new();
    let recording = tokio::spawn(recorder.run(stop.clone()));
    waiting.await.unwrap();
    drop(trail);
    stop.cancel();
    recording.await.unwrap();
    assert_eq!(log.verify(None, |_| {}).await.unwrap().last, i64::try_from(BUFFER).unwrap() + 1);
    let late = log.trail(&tenant(), String::new(), String::new(), Party::unlimited());
    assert!(late.show(id()).await.is_err(), "the buffer is closed");
}

#[tokio::test]
async fn one_key_cannot_fill_the_buffer_that_every_key_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (log, recorder) = log_in(&folder, SharesConfig { key: 75, tenant: 90, address: 90 }).await;
    let trail = |key| {
        let caller = Caller::lasting(tenant(), Scopes::ALL, Actor::Configured(key));
        log.trail(&tenant(), caller.actor.to_string(), String::new(), caller.party())
    };
    let mut shown = 0;
    while let Some(noted) = trail(1).show(id()).now_or_never() {
        noted.unwrap();
        shown += 1;
    }
    assert_eq!(shown, BUFFER * 3 / 4);
    let acts = trail(1);
    assert!(acts.begin("compareFaces").now_or_never().is_none(), "whatever the act");
    assert!(trail(2).show(id()).now_or_never().unwrap().is_ok());
    // Waiting entries are written and release their slots.
    let stop = CancellationToken::new();
    let recording = tokio::spawn(recorder.run(stop.clone()));
    trail(1).show(id()).await.unwrap();
    stop.cancel();
    recording.await.unwrap();
    assert_eq!(log.verify(None, |_| {}).await.unwrap().last, i64::try_from(shown).unwrap() + 2);
}

#[tokio::test]
async fn fetches_of_a_picture_by_its_link_are_counted_and_what_is_counted_is_written_at_the_end() {
    let house = House::idle().await;
    let (seen, other) = (id(), id());
    let fetch = async |picture, request: &str| {
        let trail = house.log.trail_of_link(&tenant(), request.to_owned(), Party::unlimited());
        trail.show(picture).await.unwrap();
    };
    for number in 0..1000 {
        fetch(seen, &number.to_string()).await;
    }
    fetch(other, "first").await;
    fetch(other, "second").await;
    let house = house.reopen().await;
    let entries = house.entries().await;
    let mut told: Vec<_> = entries.iter().map(|entry| (&*entry.request, entry.times)).collect();
    told.sort_unstable();
    assert_eq!(told, [("", 999), ("0", 1), ("first", 1), ("second", 1)], "merged entries have no request id");
    assert!(entries.iter().all(|entry| (&*entry.actor, &*entry.act) == ("link", "read")));
    assert_eq!(house.faults().await, []);
}
