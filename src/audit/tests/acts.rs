//! Everything that is done or shown has its entry.

use entity::ids::Tenant;
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use super::{House, acts, database_config, id};
use crate::audit::{AuditConfig, AuditLog, BUFFER};
use crate::clock::Clock;
use crate::database::Database;
use crate::secret::{Secret, SecretConfig};

#[tokio::test]
async fn entry_of_a_write_comes_and_goes_with_the_write() {
    let house = House::idle().await;
    let trail = house.trail();
    let doing = trail.begin("createContainer").await.unwrap();
    let mut write = house.log.database.write().await.unwrap();
    trail.record(&mut write, [id()]).await.unwrap();
    drop(write);
    doing.end(Some("STORAGE_UNAVAILABLE".into()));
    house.write_one().await;
    assert_eq!(acts(&house.entries().await), [("deletePerson", "OK")], "it is there with the commit");
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
    // Its client goes away while it is being committed.
    let doing = trail.begin("deleteFace").await.unwrap();
    let mut write = house.log.database.write().await.unwrap();
    trail.record(&mut write, [id()]).await.unwrap();
    drop(doing);
    write.commit().await.unwrap();
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
    let trail = house.log.trail_of_command(&Tenant::parse("acme").unwrap(), "shell".into(), "faceql import");
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
    let secret = Secret::make(&SecretConfig { file: folder.path().join("secret") }).unwrap();
    let database = Database::open(&database_config(&folder)).await.unwrap();
    let (log, recorder) =
        AuditLog::new(database.clone(), &secret, Clock::system(), &AuditConfig { retention: None });
    let trail = || log.trail(&Tenant::parse("acme").unwrap(), "anonymous".into(), String::new());
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
    assert!(
        log.trail(&Tenant::parse("acme").unwrap(), String::new(), String::new()).show(id()).await.is_err(),
        "it has ended"
    );
}
