//! What is committed and what is not when SQLite rolls back on its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tempfile::TempDir;

use super::*;

#[test]
fn only_a_sqlite_file_is_a_database_url() {
    assert_eq!(sqlite_file("sqlite:data/faceql.db"), Some("data/faceql.db".into()));
    assert_eq!(sqlite_file("sqlite:///srv/faceql.db?mode=rwc"), Some("/srv/faceql.db".into()));
    assert_eq!(sqlite_file("sqlite::memory:"), None);
    assert_eq!(sqlite_file("postgres://localhost/faceql"), None);
}

/// A database with a table of notes.
async fn database() -> (TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let config = DatabaseConfig { file: folder.path().join("faceql.db"), readers: 2, durable: false };
    let database = Database::open(&config).await.unwrap();
    let write = database.write().await.unwrap();
    write.execute_unprepared("CREATE TABLE notes (text TEXT UNIQUE)").await.unwrap();
    write.commit().await.unwrap();
    (folder, database)
}

async fn note(write: &Write, text: &str) -> Result<(), DbErr> {
    let insert =
        Statement::from_sql_and_values(DbBackend::Sqlite, "INSERT INTO notes VALUES (?)", [text.into()]);
    write.execute_raw(insert).await.map(drop)
}

async fn notes(database: &Database) -> Vec<String> {
    let all = Statement::from_string(DbBackend::Sqlite, "SELECT text FROM notes WHERE length(text) < 100");
    let rows = database.reader().query_all_raw(all).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// A write that ran out of space: SQLite has rolled it back on its own.
async fn write_without_room(database: &Database) -> Write {
    let write = database.write().await.unwrap();
    note(&write, "before").await.unwrap();
    write.execute_unprepared("PRAGMA max_page_count = 1").await.unwrap();
    let full = note(&write, &"x".repeat(1 << 20)).await.unwrap_err();
    assert!(full.to_string().contains("full") && is_storage_fault(&full), "{full}");
    write
}

#[tokio::test]
async fn write_whose_transaction_sqlite_ended_writes_nothing_more_and_is_not_committed() {
    let (_folder, database) = database().await;
    let mut write = write_without_room(&database).await;
    let has_followed = Arc::new(AtomicBool::new(false));
    let follow = has_followed.clone();
    write.after_commit(move || follow.store(true, Ordering::Relaxed));
    assert!(note(&write, "outside of any transaction").await.is_err());
    assert!(write.commit().await.is_err());
    assert!(!has_followed.load(Ordering::Relaxed));
    assert_eq!(notes(&database).await, [""; 0]);
}

#[tokio::test]
async fn write_after_one_that_sqlite_rolled_back_is_committed_for_good() {
    let (folder, database) = database().await;
    for number in 0..3 {
        drop(write_without_room(&database).await);
        let write = database.write().await.unwrap();
        note(&write, &format!("{number}")).await.unwrap();
        write.commit().await.unwrap();
    }
    assert_eq!(notes(&database).await, ["0", "1", "2"]);
    let config = DatabaseConfig { file: folder.path().join("faceql.db"), readers: 1, durable: false };
    database.close().await;
    assert_eq!(notes(&Database::open(&config).await.unwrap()).await, ["0", "1", "2"]);
}

#[tokio::test]
async fn commit_that_fails_writes_nothing_and_the_next_write_goes_on() {
    let (_folder, database) = database().await;
    let mut write = database.write().await.unwrap();
    write.after_commit(|| panic!("the write was not committed"));
    note(&write, "lost").await.unwrap();
    // A foreign key that is only checked by COMMIT.
    let deferred =
        "CREATE TABLE children (parent TEXT REFERENCES notes (text) DEFERRABLE INITIALLY DEFERRED)";
    write.execute_unprepared(deferred).await.unwrap();
    write.execute_unprepared("INSERT INTO children VALUES ('nobody')").await.unwrap();
    assert!(write.commit().await.is_err());
    let write = database.write().await.unwrap();
    note(&write, "kept").await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(notes(&database).await, ["kept"]);
}

#[tokio::test]
async fn statement_that_nobody_waited_for_breaks_its_write() {
    let (_folder, database) = database().await;
    let write = database.write().await.unwrap();
    {
        // Slow enough to be still running when it is polled.
        let long = "INSERT INTO notes WITH RECURSIVE numbers (n) AS
            (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000) SELECT max(n) FROM numbers";
        let mut unheard = std::pin::pin!(write.execute_unprepared(long));
        assert!(futures_util::poll!(&mut unheard).is_pending());
    }
    assert!(note(&write, "later").await.is_err());
    assert!(write.commit().await.is_err());
    assert_eq!(notes(&database).await, [""; 0]);
}

#[tokio::test]
async fn write_that_is_dropped_leaves_no_trace_and_keeps_its_turn_until_it_is_rolled_back() {
    let (_folder, database) = database().await;
    let write = database.write().await.unwrap();
    note(&write, "dropped").await.unwrap();
    drop(write);
    let write = database.write().await.unwrap();
    note(&write, "kept").await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(notes(&database).await, ["kept"]);
}

#[tokio::test]
async fn refused_statement_is_no_fault_of_the_storage() {
    let (_folder, database) = database().await;
    let write = database.write().await.unwrap();
    note(&write, "twice").await.unwrap();
    let refused = note(&write, "twice").await.unwrap_err();
    assert!(!is_storage_fault(&refused), "{refused}");
}
