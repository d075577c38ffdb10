//! Measures the work of SQLite for the statements of the queue.

use entity::ids::JobId;
use sea_orm::{ConnectionTrait, DbBackend, ExprTrait, QueryFilter, QueryTrait, Statement};

use super::*;
use crate::jobs::statements::Hold;

/// Enqueues jobs of five tenants: a third waits, a third pauses, and a third is running.
async fn fill(house: &House, jobs: usize) {
    let (held_until, token) =
        (house.hand.now() + TimeDelta::seconds(1), "x'00112233445566778899aabbccddeeff'");
    let fill = format!(
        "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {jobs})
         INSERT INTO jobs (id, tenant, kind, subject, priority, place, run_at, attempt, lost_leases, created_at,
             held_until, lease_token)
         SELECT randomblob(16), 'tenant-' || (n % 5), 'waiting', randomblob(16), 0, n, '2026', 0, 0, '2026',
             CASE n % 3 WHEN 0 THEN NULL ELSE '{held_until}' END, CASE n % 3 WHEN 1 THEN {token} ELSE NULL END
         FROM number",
        held_until = held_until.to_rfc3339(),
    );
    let write = house.database.write().await.unwrap();
    write.execute_unprepared(&fill).await.unwrap();
    write.commit().await.unwrap();
}

fn of_the_queue(now: DateTime<Utc>) -> Vec<Statement> {
    let backend = DbBackend::Sqlite;
    let (kind, id, token) = (Waiting::KIND, JobId(Uuid::now_v7()), Uuid::now_v7());
    let (one, more) = (statements::is_held(id, token), statements::is_held(JobId(token), id.0));
    let mut all = vec![
        statements::last_place().build(backend),
        statements::waiting(kind).build(backend),
        statements::in_turn(kind, Some(&Tenant::parse("tenant-7").unwrap()), 8),
        statements::take(&[id, JobId(token)], token, now).build(backend),
        statements::remove_about(kind, &[token, id.0]).build(backend),
        statements::hold_until(now).filter(one.clone()).build(backend),
        statements::free().filter(one.clone()).build(backend),
        statements::end(one.clone().or(more)).build(backend),
        statements::free().filter(statements::are(vec![id])).filter(one).build(backend),
    ];
    for hold in [Hold::Lease, Hold::Pause] {
        all.push(statements::some(hold.is_over(kind, now)).build(backend));
        all.push(statements::some(hold.is_longer(kind, now + TimeDelta::seconds(2))).build(backend));
    }
    all
}

/// Counts, in units of ten, the virtual machine steps of SQLite on the reader's single connection.
async fn count_steps(house: &House) -> Arc<AtomicUsize> {
    let tens = Arc::new(AtomicUsize::new(0));
    let counted = tens.clone();
    let mut reader = house.database.reader().get_sqlite_connection_pool().acquire().await.unwrap();
    reader.lock_handle().await.unwrap().set_progress_handler(10, move || {
        counted.fetch_add(1, Ordering::Relaxed);
        true
    });
    tens
}

/// The number of steps of each statement in a queue of `jobs` jobs, with the statement's text.
async fn steps(jobs: usize) -> Vec<(String, usize)> {
    let house = House::new().await;
    fill(&house, jobs).await;
    let tens = count_steps(&house).await;
    let mut steps = Vec::new();
    for statement in of_the_queue(house.hand.now()) {
        let (sql, before) = (statement.sql.clone(), tens.load(Ordering::Relaxed));
        house.database.reader().query_all_raw(statement).await.unwrap();
        steps.push((sql, 10 * (tens.load(Ordering::Relaxed) - before)));
    }
    steps
}

#[tokio::test]
async fn each_statement_takes_as_few_steps_in_a_queue_of_300_000_jobs_as_in_one_of_100() {
    for ((sql, few), (_, many)) in steps(100).await.into_iter().zip(steps(300_000).await) {
        assert!(many <= 2 * few + 100, "{few} steps became {many}: {sql}");
    }
}
