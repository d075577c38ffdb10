//! Tests of the log with a real database.

mod acts;
mod faults;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::DateTime;
use entity::audit_entry::{Column, Entity, Model};
use entity::ids::{AnyId, PersonId, Tenant};
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{AuditConfig, AuditLog, Fault, Head, Trail};
use crate::access::database_secret;
use crate::clock::Clock;
use crate::shares::{Party, SharesConfig};
use crate::store::database::{Database, DatabaseConfig};
use crate::store::secret::{Secret, SecretConfig};

const DAY: i64 = 86_400;

/// A log in its own folder with a manually controlled clock.
struct House {
    folder: TempDir,
    log: AuditLog,
    seconds: Arc<AtomicI64>,
    stop: CancellationToken,
    recording: JoinHandle<()>,
}

impl House {
    async fn new() -> Self {
        let house = Self::idle().await;
        for _ in 0..5 {
            house.write_one().await;
        }
        house
    }

    /// A log without entries.
    async fn idle() -> Self {
        Self::open(tempfile::tempdir().unwrap(), "secret", Arc::new(AtomicI64::new(DAY))).await
    }

    async fn open(folder: TempDir, secret: &str, seconds: Arc<AtomicI64>) -> Self {
        let database = Database::open(&database_config(&folder)).await.unwrap();
        let config = SecretConfig { file: folder.path().join(secret) };
        // A secret that does not match is rejected here; the tests check what would happen if it were not.
        let secret = match database_secret::secret_of(&database, &config).await {
            Ok(secret) => secret,
            Err(_) => Secret::make(&config).unwrap(),
        };
        let time = seconds.clone();
        let clock =
            Clock::from_fn(move || DateTime::from_timestamp(time.load(Ordering::Relaxed), 0).unwrap());
        let config = AuditConfig { retention: Some(Duration::from_secs(DAY.unsigned_abs())) };
        let (log, recorder) = AuditLog::new(database, &secret, clock, &config, SharesConfig::WHOLE);
        let stop = CancellationToken::new();
        let recording = tokio::spawn(recorder.run(stop.clone()));
        Self { folder, log, seconds, stop, recording }
    }

    /// Shuts down after writing all waiting entries.
    async fn close(self) -> (TempDir, Arc<AtomicI64>) {
        self.stop.cancel();
        self.recording.await.unwrap();
        self.log.database.close().await;
        (self.folder, self.seconds)
    }

    async fn reopen(self) -> Self {
        let (folder, seconds) = self.close().await;
        Self::open(folder, "secret", seconds).await
    }

    fn trail(&self) -> Trail {
        self.log.trail(
            &Tenant::parse("acme").unwrap(),
            "key_1".into(),
            "request-1".into(),
            Party::unlimited(),
        )
    }

    /// Records an act within a write.
    async fn write_one(&self) {
        let trail = self.trail();
        let doing = trail.begin("deletePerson").await.unwrap();
        let mut write = self.log.database.write().await.unwrap();
        trail.record(&mut write, [id()]).await.unwrap();
        write.commit().await.unwrap();
        doing.end(None);
    }

    /// The entries currently in the database.
    async fn entries(&self) -> Vec<Model> {
        let entries = Entity::find().order_by_asc(Column::Sequence);
        entries.all(self.log.database.reader()).await.unwrap()
    }

    /// Modifies the database outside of the log.
    async fn tamper(&self, statement: &str) {
        let write = self.log.database.write().await.unwrap();
        write.execute_unprepared(statement).await.unwrap();
        write.commit().await.unwrap();
    }

    async fn faults(&self) -> Vec<Fault> {
        self.faults_since(None).await
    }

    async fn faults_since(&self, kept: Option<Head>) -> Vec<Fault> {
        self.log.verify(kept, |_| {}).await.unwrap().faults
    }

    async fn head(&self) -> Head {
        self.log.head().await.unwrap().unwrap()
    }

    fn move_clock(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }
}

fn database_config(folder: &TempDir) -> DatabaseConfig {
    DatabaseConfig { file: folder.path().join("faceql.db"), readers: 2, durable: false }
}

fn id() -> AnyId {
    PersonId(Uuid::now_v7()).into()
}

/// The act and the outcome of each entry.
fn acts(entries: &[Model]) -> Vec<(&str, &str)> {
    entries.iter().map(|entry| (entry.act.as_str(), entry.outcome.as_str())).collect()
}
