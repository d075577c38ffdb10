//! Tests of the worker with a real database, jobs that only wait, and a manually controlled clock.

mod fairness;
mod migrated;
mod plans;
mod times;

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use entity::ids::Tenant;
use sea_orm::{DbErr, EntityTrait};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::clock::Clock;
use crate::metrics::JobMetrics;
use crate::settings::Settings;
use crate::store::database::{Database, DatabaseConfig, Write};

const LEASE: Duration = Duration::from_millis(300);

/// A handler that waits briefly and records which jobs were written together.
#[derive(Clone, Default)]
struct Waiting {
    together: Arc<Mutex<Vec<Vec<Uuid>>>>,
    cleaned: Arc<AtomicUsize>,
    /// Subject whose result the database rejects.
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

/// Controls a machine's clock: lets time pass, and sets the clock.
#[derive(Clone, Default)]
struct Hand {
    passed: Arc<AtomicI64>,
    set: Arc<AtomicI64>,
}

impl Hand {
    /// The clock of a process that starts now.
    fn clock(&self) -> Clock {
        let (hand, passed) = (self.clone(), self.passed.clone());
        Clock::from_fns(move || hand.now(), move || TimeDelta::microseconds(passed.load(Ordering::SeqCst)))
    }

    fn now(&self) -> DateTime<Utc> {
        let [passed, set] = [&self.passed, &self.set].map(|by| by.load(Ordering::SeqCst));
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::microseconds(passed + set)
    }

    /// Lets time pass.
    fn wait(&self, time: Duration) {
        self.passed.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// Sets the machine's clock.
    fn set(&self, by: TimeDelta) {
        self.set.fetch_add(by.num_microseconds().unwrap(), Ordering::SeqCst);
    }
}

fn config(concurrency: usize) -> JobsConfig {
    let settings = [("FACEQL_JOBS_POLL_MS", "20"), ("FACEQL_JOBS_MAX_BACKOFF_MS", "60000")];
    let read = JobsConfig::read(&mut Settings::from_values(settings));
    JobsConfig { concurrency, lease: LEASE, ..read }
}

struct House {
    database: Database,
    queue: Queue,
    hand: Hand,
    _folder: TempDir,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("faceql.db");
        let database = Database::open(&DatabaseConfig { file, readers: 1, durable: false }).await.unwrap();
        let hand = Hand::default();
        let queue = Queue::new(database.clone(), &hand.clock(), &config(1));
        Self { database, queue, hand, _folder: folder }
    }

    async fn enqueue(&self, jobs: usize) -> Vec<Uuid> {
        self.enqueue_for("acme", jobs).await
    }

    async fn enqueue_for(&self, tenant: &str, jobs: usize) -> Vec<Uuid> {
        let subjects: Vec<Uuid> = (0..jobs).map(|_| Uuid::now_v7()).collect();
        let mut write = self.database.write().await.unwrap();
        for subject in &subjects {
            let tenant = Tenant::parse(tenant).unwrap();
            self.queue.enqueue(&mut write, &tenant, Waiting::KIND, *subject).await.unwrap();
        }
        write.commit().await.unwrap();
        subjects
    }

    /// Claims jobs as a worker that has not served any tenant yet.
    async fn claim(&self, limit: u64) -> Vec<Claim> {
        self.claim_behind(&mut None, limit).await
    }

    async fn claim_behind(&self, served: &mut Option<Tenant>, limit: u64) -> Vec<Claim> {
        let write = self.database.write().await.unwrap();
        let claims = self.queue.claim(&write, Waiting::KIND, limit, served).await.unwrap();
        write.commit().await.unwrap();
        claims
    }

    async fn reap(&self) -> u64 {
        self.queue.reap(Waiting::KIND).await.unwrap()
    }

    /// Ends the process and starts another one on the same database.
    fn restart(&mut self) {
        self.queue = Queue::new(self.database.clone(), &self.hand.clock(), &config(1));
    }

    /// Works with up to `concurrency` concurrent jobs until `done` returns true.
    async fn work_until(&self, handler: &Waiting, concurrency: usize, done: impl Fn() -> bool) {
        let config = config(concurrency);
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
    // Claimed by a worker that then vanishes.
    assert_eq!(house.claim(1).await.len(), 1);
    house.hand.wait(LEASE);

    // Far more than can be done before the vanished worker's job is taken back.
    house.enqueue(1000).await;
    let done = || handler.together.lock().unwrap().iter().flatten().any(|subject| *subject == lost);
    house.work_until(&handler, 2, done).await;
    assert!(house.queue.depth().await.unwrap() > 0, "the backlog is already done");
}

#[tokio::test]
async fn a_claim_that_was_taken_over_ends_nothing() {
    let house = House::new().await;
    house.enqueue(1).await;
    let first = house.claim(1).await;
    house.hand.wait(LEASE);
    assert_eq!(house.reap().await, 1);

    let second = house.claim(1).await;
    let write = house.database.write().await.unwrap();
    assert!(house.queue.end(&write, &first).await.unwrap().is_empty());
    // Also when the claim that took over ends in the same call.
    let held = house.queue.end(&write, first.iter().chain(&second)).await.unwrap();
    assert_eq!(held, HashSet::from([second[0].lease()]));
}
