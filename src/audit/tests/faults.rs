//! Modified, removed, swapped and restored entries are detected, and expired entries are not reported as faults.

use std::path::Path;
use std::time::Duration;

use entity::audit_entry::Column;
use entity::audit_head;
use sea_orm::Iterable;

use super::{DAY, House, id};
use crate::audit::{Fault, Head};
use crate::store::cleanup::Sweep;

#[tokio::test]
async fn writes_and_reads_of_many_requests_at_once_make_one_whole_chain() {
    let house = House::idle().await;
    assert_eq!(house.faults().await, [], "an empty log is intact");
    let requests = (0..100).map(|number| {
        let house = &house;
        async move {
            if number % 2 == 0 { house.write_one().await } else { house.trail().show(id()).await.unwrap() }
        }
    });
    futures_util::future::join_all(requests).await;
    let house = house.reopen().await;
    let report = house.log.verify(None, |_| {}).await.unwrap();
    assert_eq!((report.first, report.last, report.faults), (1, 100, vec![]));
    let entries = house.entries().await;
    assert_eq!(entries.iter().filter(|entry| entry.act == "read").count(), 50);
    assert!(entries.iter().all(|entry| entry.ids.starts_with("[\"person_") && entry.ids_left_out == 0));
}

#[tokio::test]
async fn every_changed_column_is_found_and_the_entry_named() {
    for column in Column::iter() {
        let house = House::new().await;
        let (name, changed) = match column {
            Column::Sequence => ("sequence", "-3"),
            Column::Time => ("time", "'1970-01-02T00:00:00.000001+00:00'"),
            Column::Tenant => ("tenant", "'other'"),
            Column::Actor => ("actor", "'key_2'"),
            Column::Request => ("request", "''"),
            Column::Act => ("act", "'deleteFace'"),
            Column::Ids => ("ids", "'[]'"),
            Column::IdsLeftOut => ("ids_left_out", "1"),
            Column::Outcome => ("outcome", "'NOT_FOUND'"),
            Column::Times => ("times", "2"),
            Column::Mac => ("mac", "zeroblob(32)"),
        };
        house.tamper(&format!("UPDATE audit_entries SET {name} = {changed} WHERE sequence = 3")).await;
        let expected = match column {
            Column::Sequence => vec![Fault::Foreign(-3), Fault::Missing(3, 3)],
            // The MAC of the next entry depends on this one.
            Column::Mac => vec![Fault::Changed(3), Fault::Changed(4)],
            _ => vec![Fault::Changed(3)],
        };
        assert_eq!(house.faults().await, expected, "{name}");
    }
}

#[tokio::test]
async fn what_is_no_entry_any_more_or_moved_between_columns_is_found() {
    let house = House::new().await;
    house.tamper("UPDATE audit_entries SET actor = 'key_', request = '1request-1' WHERE sequence = 2").await;
    house.tamper("UPDATE audit_entries SET time = 'yesterday' WHERE sequence = 4").await;
    assert_eq!(house.faults().await, [Fault::Changed(2), Fault::Changed(4)]);
}

#[tokio::test]
async fn removed_swapped_and_added_entries_are_found() {
    for (statement, expected) in [
        ("DELETE FROM audit_entries WHERE sequence = 1", vec![Fault::Missing(1, 1)]),
        ("DELETE FROM audit_entries WHERE sequence IN (2, 3)", vec![Fault::Missing(2, 3)]),
        ("DELETE FROM audit_entries WHERE sequence > 3", vec![Fault::Missing(4, 5)]),
        ("DELETE FROM audit_entries", vec![Fault::Missing(1, 5)]),
        (
            "UPDATE audit_entries SET sequence = -sequence WHERE sequence IN (2, 3);
             UPDATE audit_entries SET sequence = 5 + sequence WHERE sequence < 0",
            // Entry 4 is chained to the MAC of entry 3.
            vec![Fault::Changed(2), Fault::Changed(3), Fault::Changed(4)],
        ),
        (
            "INSERT INTO audit_entries (sequence, time, tenant, actor, request, act, ids, ids_left_out, outcome, mac)
             SELECT 6, time, tenant, actor, request, act, ids, ids_left_out, outcome, mac
             FROM audit_entries WHERE sequence = 5",
            vec![Fault::Foreign(6)],
        ),
    ] {
        let house = House::new().await;
        house.tamper(statement).await;
        assert_eq!(house.faults().await, expected, "{statement}");
    }
}

#[tokio::test]
async fn head_that_was_changed_or_removed_is_found() {
    for column in audit_head::Column::iter().filter(|column| !matches!(column, audit_head::Column::Id)) {
        let house = House::new().await;
        let (name, changed) = match column {
            audit_head::Column::Id => continue,
            audit_head::Column::FirstSequence => ("first_sequence", "2"),
            audit_head::Column::LastSequence => ("last_sequence", "4"),
            audit_head::Column::BeforeFirst => ("before_first", "zeroblob(31)"),
            audit_head::Column::LastMac => ("last_mac", "zeroblob(32)"),
            audit_head::Column::Seal => ("seal", "zeroblob(32)"),
        };
        house.tamper(&format!("UPDATE audit_heads SET {name} = {changed}")).await;
        assert_eq!(house.faults().await, [Fault::HeadChanged], "{name}");
        assert_eq!(house.log.head().await.unwrap(), None);
    }
    let house = House::new().await;
    house.tamper("DELETE FROM audit_heads").await;
    assert_eq!(house.faults().await, [Fault::HeadChanged]);
}

#[tokio::test]
async fn what_was_cut_off_together_with_the_head_is_found_for_ever() {
    let house = House::new().await;
    house
        .tamper("DELETE FROM audit_entries WHERE sequence > 3; UPDATE audit_heads SET last_sequence = 3")
        .await;
    assert_eq!(house.faults().await, [Fault::HeadChanged]);
    // Appending further entries does not hide the fault.
    house.write_one().await;
    assert_eq!(house.faults().await, [Fault::Missing(4, 4)]);
    house.write_one().await;
    assert_eq!(house.faults().await, [Fault::Missing(4, 4)]);
}

#[tokio::test]
async fn log_that_was_emptied_is_found_and_does_not_begin_anew() {
    let house = House::new().await;
    house.tamper("DELETE FROM audit_entries; DELETE FROM audit_heads").await;
    let emptied = Fault::Emptied(house.folder.path().join("secret.audit"));
    assert_eq!(house.faults().await, [emptied]);
    assert_eq!(house.log.head().await.unwrap(), None);
    house.write_one().await;
    assert_eq!(house.faults().await, [Fault::Missing(1, 1)]);
    // Not even with another identity.
    house.tamper("DELETE FROM audit_entries; DELETE FROM audit_heads; DELETE FROM identities").await;
    let replaced = Fault::Replaced(house.folder.path().join("secret.audit"));
    assert_eq!(house.faults().await, std::slice::from_ref(&replaced));
    let house = house.reopen().await;
    house.write_one().await;
    assert_eq!(house.faults().await, [replaced]);
}

#[tokio::test]
async fn removed_note_of_a_log_with_entries_is_found_and_the_service_says_so_when_it_writes_it_anew() {
    let house = House::idle().await;
    let note = house.folder.path().join("secret.audit");
    assert!(!note.exists());
    assert_eq!(house.faults().await, [], "an empty log needs none");
    house.write_one().await;
    std::fs::remove_file(&note).unwrap();
    assert_eq!(house.faults().await, [Fault::Unnoted(note)]);
    house.log.see_to_note().await.unwrap();
    assert_eq!(house.faults().await, []);
}

#[tokio::test]
async fn log_of_another_secret_is_not_taken_for_ones_own() {
    let (folder, seconds) = House::new().await.close().await;
    let house = House::open(folder, "another secret", seconds).await;
    assert_eq!(house.faults().await.first(), Some(&Fault::HeadChanged));
    house.write_one().await;
    assert!(house.faults().await.contains(&Fault::Missing(6, 6)));
}

#[tokio::test]
async fn older_database_put_back_is_found_by_a_head_that_was_kept() {
    let house = House::new().await;
    let old = house.head().await;
    let (folder, seconds) = house.close().await;
    let (file, copy) = (folder.path().join("faceql.db"), folder.path().join("copy.db"));
    std::fs::copy(&file, &copy).unwrap();
    let house = House::open(folder, "secret", seconds).await;
    house.write_one().await;
    let kept: Head = house.head().await.to_string().parse().unwrap();
    assert_eq!(house.faults_since(Some(kept.clone())).await, []);
    assert_eq!(house.faults_since(Some(old.clone())).await, [], "all entries up to it still exist");

    let (folder, seconds) = house.close().await;
    restore(&copy, &file);
    let house = House::open(folder, "secret", seconds).await;
    assert_eq!(house.faults().await, [], "undetectable without the head");
    assert_eq!(house.faults_since(Some(kept.clone())).await, [Fault::BehindKept(kept.clone())]);
    house.move_clock(1);
    house.write_one().await;
    assert_eq!(house.faults_since(Some(kept.clone())).await, [Fault::NotAsKept(kept)]);
    assert_eq!(house.faults_since(Some(old)).await, []);
}

/// Replaces a database with a copy.
fn restore(copy: &Path, file: &Path) {
    for ending in ["db-wal", "db-shm"] {
        let _ = std::fs::remove_file(file.with_extension(ending));
    }
    std::fs::copy(copy, file).unwrap();
}

#[tokio::test]
async fn old_entries_are_forgotten_and_the_rest_stays_whole() {
    let house = House::new().await;
    let early = Head { sequence: 3, mac: house.entries().await[2].mac.clone() };
    let last_old = house.head().await;
    house.move_clock(DAY);
    house.write_one().await;
    house.move_clock(1);
    house.log.sweep(Duration::ZERO).await.unwrap();
    let report = house.log.verify(Some(last_old), |_| {}).await.unwrap();
    assert_eq!((report.first, report.last, report.faults), (6, 6, vec![]));
    assert_eq!(house.faults_since(Some(early.clone())).await, [Fault::KeptIsTooOld(early)]);
    house.tamper("DELETE FROM audit_entries WHERE sequence = 6").await;
    assert_eq!(house.faults().await, [Fault::Missing(6, 6)]);
}

#[tokio::test]
async fn entry_with_a_forged_time_is_not_forgotten_for_it() {
    let house = House::new().await;
    house.tamper("UPDATE audit_entries SET time = '1960-01-01T00:00:00+00:00' WHERE sequence < 3").await;
    house.log.sweep(Duration::ZERO).await.unwrap();
    assert_eq!(house.faults().await, [Fault::Changed(1), Fault::Changed(2)]);
}
