//! The worker on a real database, with work that is nothing but a wait.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use entity::ids::Tenant;
use sea_orm::{DbErr, EntityTrait};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::clock::Clock;
use crate::config::Settings;
use crate::database::{Database, DatabaseConfig, Write};
use crate::metrics::JobMetrics;

const LEASE: Duration = Duration::from_millis(300);

/// Waits a little, and notes which jobs were written together.
#[derive(Clone, Default)]
struct Waiting {
    together: Arc<Mutex<Vec<Vec<Uuid>>>>,
    cleaned: Arc<AtomicUsize>,
    /// Whose result the database does not take.
    unwritable: Option<Uuid>,
}

impl Handler for Waiting {
    const KIND: &'static str = "waiting";
    type Output = ();
    type Error = DbErr;

    async fn begin(&self, _: &mut Write, _: &[&Job]) -> Result<(), DbErr> {
        Ok(())
    }

    async fn perform(&self, _: &Job) -> Result<(), Failure<DbErr>> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(())
    }

    async fn finish(&self, _: &mut Write, done: &[&Done<()>]) -> Result<(), DbErr> {
        let subjects: Vec<Uuid> = done.iter().map(|done| done.job.subject).collect();
        if subjects.iter().any(|subject| Some(*subject) == self.unwritable) {
            return Err(DbErr::Custom("on purpose".into()));
        }
        self.together.lock().unwrap().push(subjects);
        Ok(())
    }

    async fn clean_up(&self, done: &[Done<()>]) {
        self.cleaned.fetch_add(done.len(), Ordering::Relaxed);
    }

    async fn give_up(&self, _: &mut Write, _: &Job, _: GaveUp<'_, DbErr>) -> Result<(), DbErr> {
        Ok(())
    }
}

struct House {
    database: Database,
    queue: Queue,
    _folder: TempDir,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("faceql.db");
        let database = Database::open(&DatabaseConfig { file, readers: 1, durable: false }).await.unwrap();
        let queue = Queue::new(database.clone(), Clock::system(), LEASE);
        Self { database, queue, _folder: folder }
    }

    async fn enqueue(&self, jobs: usize) -> Vec<Uuid> {
        let subjects: Vec<Uuid> = (0..jobs).map(|_| Uuid::now_v7()).collect();
        let mut write = self.database.write().await.unwrap();
        for subject in &subjects {
            let tenant = Tenant::parse("acme").unwrap();
            self.queue.enqueue(&mut write, &tenant, Waiting::KIND, *subject).await.unwrap();
        }
        write.commit().await.unwrap();
        subjects
    }

    /// Works with `concurrency` jobs at once until `done` says so.
    async fn work_until(&self, handler: &Waiting, concurrency: usize, done: impl Fn() -> bool) {
        let mut config = JobsConfig::read(&mut Settings::from_values([("FACEQL_JOBS_POLL_MS", "20")]));
        config.concurrency = concurrency;
        config.lease = LEASE;
        let worker = Worker::new(
            self.database.clone(),
            self.queue.clone(),
            handler.clone(),
            config,
            JobMetrics::default(),
        );
        let stop = CancellationToken::new();
        let running = tokio::spawn(worker.run(stop.clone(), Duration::from_secs(10)));
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
        running.await.unwrap();
    }
}

#[tokio::test]
async fn what_ends_at_once_is_written_together_and_each_job_once() {
    let (house, handler) = (House::new().await, Waiting::default());
    let subjects = house.enqueue(64).await;
    house.work_until(&handler, 16, || handler.cleaned.load(Ordering::Relaxed) == subjects.len()).await;

    let together = handler.together.lock().unwrap().clone();
    assert!(together.len() < subjects.len(), "every job was written alone");
    let mut written = together.concat();
    written.sort();
    assert_eq!(written, subjects);
    assert_eq!(house.queue.depth().await.unwrap(), 0);
}

#[tokio::test]
async fn a_result_that_cannot_be_written_does_not_harm_those_beside_it() {
    let house = House::new().await;
    let subjects = house.enqueue(16).await;
    let handler = Waiting { unwritable: Some(subjects[0]), ..Waiting::default() };
    house.work_until(&handler, 16, || handler.cleaned.load(Ordering::Relaxed) == subjects.len() - 1).await;

    let mut written = handler.together.lock().unwrap().concat();
    written.sort();
    assert_eq!(written, subjects[1..]);
    let unwritten = entity::job::Entity::find().one(house.database.reader()).await.unwrap().unwrap();
    assert_eq!((unwritten.subject, unwritten.lease_token), (subjects[0], None));
}

#[tokio::test]
async fn a_vanished_workers_job_is_taken_back_while_a_backlog_lasts() {
    let (house, handler) = (House::new().await, Waiting::default());
    let lost = house.enqueue(1).await[0];
    // Claimed by a worker that is never heard of again.
    let write = house.database.write().await.unwrap();
    assert_eq!(house.queue.claim(&write, Waiting::KIND, 1).await.unwrap().len(), 1);
    write.commit().await.unwrap();

    // Far more than is done by the time the lost job's lease is over.
    house.enqueue(1000).await;
    let done = || handler.together.lock().unwrap().iter().flatten().any(|subject| *subject == lost);
    house.work_until(&handler, 2, done).await;
    assert!(house.queue.depth().await.unwrap() > 0, "the backlog did not last");
}

#[tokio::test]
async fn a_claim_that_was_taken_over_ends_nothing() {
    let house = House::new().await;
    house.enqueue(1).await;
    let write = house.database.write().await.unwrap();
    let first = house.queue.claim(&write, Waiting::KIND, 1).await.unwrap();
    write.commit().await.unwrap();
    tokio::time::sleep(LEASE * 2).await;
    assert_eq!(house.queue.reap().await.unwrap(), 1);

    let write = house.database.write().await.unwrap();
    let second = house.queue.claim(&write, Waiting::KIND, 1).await.unwrap();
    assert!(house.queue.end(&write, &first).await.unwrap().is_empty());
    // Also when the claim that took over ends beside it.
    let held = house.queue.end(&write, first.iter().chain(&second)).await.unwrap();
    assert_eq!(held, HashSet::from([second[0].lease()]));
}
