//! Migration of a queue from before tenants took turns.

use migration::Migrator;
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait, QueryOrder};
use sea_orm_migration::MigratorTrait;

use entity::job::{Column, Entity};

/// A row in the old format; `subject` identifies it.
async fn insert(database: &DatabaseConnection, subject: u8, run_at: &str, lease: &str) {
    let values =
        format!("x'{subject:032x}', 'acme', 'waiting', x'{subject:032x}', 0, '{run_at}', 1, 0, {lease}");
    let columns =
        "id, tenant, kind, subject, priority, run_at, attempt, lost_leases, lease_token, lease_until";
    let sql = format!("INSERT INTO jobs ({columns}, created_at) VALUES ({values}, '{run_at}')");
    database.execute_unprepared(&sql).await.unwrap();
}

#[tokio::test]
async fn jobs_keep_their_order_and_their_leases_when_the_queue_is_brought_up_to_date_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("faceql.db");
    let database = sea_orm::Database::connect(format!("sqlite:{}?mode=rwc", file.display())).await.unwrap();
    Migrator::up(&database, Some(7)).await.unwrap();
    let lease = "x'00112233445566778899aabbccddeeff', '2026-01-01T00:00:15+00:00'";
    insert(&database, 1, "2026-01-01T00:00:03+00:00", "NULL, NULL").await;
    insert(&database, 2, "2026-01-01T00:00:02+00:00", lease).await;
    insert(&database, 3, "2026-01-01T00:00:01+00:00", "NULL, NULL").await;

    Migrator::up(&database, Some(1)).await.unwrap();
    let jobs = Entity::find().order_by_asc(Column::Place).all(&database).await.unwrap();
    let seen: Vec<_> =
        jobs.iter().map(|job| (job.subject.as_u128(), job.place, job.held_until.is_some())).collect();
    assert_eq!(seen, [(3, 1, false), (2, 2, true), (1, 3, false)]);

    let pause = "UPDATE jobs SET held_until = '2026-01-01T00:00:15+00:00' WHERE lease_token IS NULL";
    database.execute_unprepared(pause).await.unwrap();
    Migrator::down(&database, Some(1)).await.unwrap();
    let leased = "SELECT COUNT(*) AS jobs FROM jobs WHERE lease_until IS NOT NULL";
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, leased);
    let leased = database.query_one_raw(statement).await.unwrap().unwrap();
    assert_eq!(leased.try_get::<i64>("", "jobs").unwrap(), 1);
    Migrator::up(&database, None).await.unwrap();
}
