//! A running server's cache of valid keys, so that authenticated requests need no database query. It is loaded at
//! startup, refreshed within two seconds, and refreshed when a request carries an unknown but well-formed key.
//!
//! All valid keys are kept in memory: operators create them one by one, so they are few.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::api_key::{Column, Entity, Model};
use entity::ids::{ApiKeyId, Tenant};
use parking_lot::{Mutex, RwLock};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter};
use subtle::ConstantTimeEq;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Keys, text};
use crate::access::caller::Scopes;
use crate::ids;

/// Interval between refreshes: a revoked key is rejected within two seconds.
const REFRESH: Duration = Duration::from_millis(1500);
/// Minimum time between two refreshes, however many unknown keys arrive.
const PAUSE: Duration = Duration::from_millis(100);

/// A valid key in the cache.
#[derive(Debug)]
pub struct KnownKey {
    /// The id, which may be logged.
    pub id: ApiKeyId,
    /// The tenant whose data the key gives access to.
    pub tenant: Tenant,
    /// What a caller with the key may do.
    pub scopes: Scopes,
    /// Cancelled when the key is revoked or has expired.
    pub revoked: CancellationToken,
    expires_at: Option<DateTime<Utc>>,
    /// The last use, in minutes since 1970.
    last_used: AtomicI64,
    /// The last use that is stored in the database.
    written_down: AtomicI64,
}

impl KnownKey {
    fn of(row: Model) -> Self {
        let scopes = row.scopes.parse().unwrap_or_else(|error| {
            warn!(%error, key = ids::show(row.id), "the scopes of a key are damaged; it grants no access");
            Scopes { read: false, write: false, admin: false }
        });
        let last_used = row.last_used_at.map_or(i64::MIN, minute);
        Self {
            id: row.id,
            tenant: row.tenant,
            scopes,
            revoked: CancellationToken::new(),
            expires_at: row.expires_at,
            last_used: last_used.into(),
            written_down: last_used.into(),
        }
    }

    /// Whether the key is valid at `now`; if so, updates its last use.
    fn lets_in(&self, now: DateTime<Utc>) -> bool {
        let lets_in = self.expires_at.is_none_or(|end| now < end);
        if lets_in {
            self.last_used.store(minute(now), Ordering::Relaxed);
        }
        lets_in
    }

    /// The last use in minutes since 1970, if it is not stored yet.
    fn unwritten(&self) -> Option<i64> {
        let minute = self.last_used.load(Ordering::Relaxed);
        (minute > self.written_down.load(Ordering::Relaxed)).then_some(minute)
    }
}

fn minute(time: DateTime<Utc>) -> i64 {
    time.timestamp().div_euclid(60)
}

/// The cache of valid keys.
#[derive(Default)]
pub(super) struct KnownKeys {
    by_digest: RwLock<HashMap<String, Arc<KnownKey>>>,
    /// Keys that are no longer valid, until their last use is stored.
    gone: Mutex<Vec<Arc<KnownKey>>>,
    last_look: tokio::sync::Mutex<Look>,
}

/// When the cache was last refreshed.
#[derive(Default)]
struct Look {
    begun: Option<Instant>,
    /// When the last refresh that completed began.
    ended: Option<Instant>,
    /// Whether that one succeeded.
    succeeded: bool,
}

/// The valid keys could not be read from the database.
#[derive(Debug)]
pub struct Unread;

impl Keys {
    /// The valid key with this text, including one that was created just now. `None` when there is none.
    ///
    /// # Errors
    /// When the key is not cached and the database cannot be read.
    pub async fn find(&self, text: &str) -> Result<Option<Arc<KnownKey>>, Unread> {
        if let Some(key) = self.known(text) {
            return Ok(Some(key));
        }
        if !text::is_well_formed(text) {
            return Ok(None);
        }
        self.look_since(Instant::now()).await?;
        Ok(self.known(text))
    }

    fn known(&self, text: &str) -> Option<Arc<KnownKey>> {
        let digest = self.digest(text);
        let known = self.known.by_digest.read();
        let (stored, key) = known.get_key_value(&digest)?;
        // The map lookup does not take constant time. It compares HMACs, which an attacker cannot choose without the
        // secret; the decisive comparison takes constant time.
        bool::from(stored.as_bytes().ct_eq(digest.as_bytes())).then_some(())?;
        key.lets_in(self.clock.now()).then(|| key.clone())
    }

    /// Reads the valid keys and cancels the tokens of those that are no longer valid.
    ///
    /// # Errors
    /// When the database failed.
    pub async fn load(&self) -> Result<(), DbErr> {
        let reader = self.database.reader();
        let now = self.clock.now();
        let lasts = Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(now));
        let valid = Entity::find().filter(Column::RevokedAt.is_null()).filter(lasts).all(reader).await?;
        let was_made = self.exist() || !valid.is_empty() || Entity::find().one(reader).await?.is_some();
        self.put_in_place(valid.into_iter().map(|row| (row.digest.clone(), row)).collect());
        if was_made {
            self.first.cancel();
        }
        Ok(())
    }

    fn put_in_place(&self, valid: HashMap<String, Model>) {
        let mut known = self.known.by_digest.write();
        let gone = known.extract_if(|digest, _| !valid.contains_key(digest)).map(|(_, key)| key);
        let gone = gone.inspect(|key| {
            info!(key = ids::show(key.id), "a key is no longer valid; its sockets and streams are closed");
            key.revoked.cancel();
        });
        self.known.gone.lock().extend(gone);
        for (digest, row) in valid {
            known.entry(digest).or_insert_with(|| Arc::new(KnownKey::of(row)));
        }
    }

    /// Ensures that a refresh has begun after `wanted` and completed. Concurrent callers share one refresh. Refreshes
    /// run one after another, so that an older result cannot overwrite a newer one.
    async fn look_since(&self, wanted: Instant) -> Result<(), Unread> {
        let mut last = self.known.last_look.lock().await;
        if last.ended.is_none_or(|begun| begun < wanted) {
            if let Some(begun) = last.begun {
                sleep_until(begun + PAUSE).await;
            }
            // Set before the await, so that the pause is kept even if this future is dropped meanwhile.
            last.begun = Some(Instant::now());
            let seen = self.load().await;
            last.succeeded = seen.is_ok();
            last.ended = last.begun;
            if let Err(error) = seen {
                warn!(%error, "could not read the valid keys; will try again");
            }
        }
        if last.succeeded { Ok(()) } else { Err(Unread) }
    }

    /// Until `stop`, adds new keys, removes revoked and expired ones, and stores when each key was last used.
    pub async fn refresh_until(self, stop: CancellationToken) {
        let pause = || stop.run_until_cancelled(sleep(REFRESH));
        let looking = async {
            while pause().await.is_some() {
                // Failures are logged, and the next refresh follows.
                let _ = self.look_since(Instant::now()).await;
            }
        };
        // Concurrently: a write may wait long for the writer, which must not delay the removal of revoked keys.
        let writing = async {
            while pause().await.is_some() {
                self.write_down_uses().await;
            }
        };
        tokio::join!(looking, writing);
        self.write_down_uses().await;
    }

    async fn write_down_uses(&self) {
        if let Err(error) = self.write_down().await {
            warn!(%error, "could not store when keys were last used; will try again");
        }
    }

    /// Stores all pending last uses in one transaction.
    async fn write_down(&self) -> Result<(), DbErr> {
        let used: Vec<_> = self.used().collect();
        if !used.is_empty() {
            let write = self.database.write().await?;
            for (minute, key) in &used {
                let time = DateTime::from_timestamp(minute.saturating_mul(60), 0);
                Entity::update_many()
                    .col_expr(Column::LastUsedAt, Expr::value(time))
                    .filter(Column::Id.eq(key.id))
                    .exec(&*write)
                    .await?;
            }
            write.commit().await?;
            for (minute, key) in used {
                key.written_down.store(minute, Ordering::Relaxed);
            }
        }
        let mut gone = self.known.gone.lock();
        gone.retain(|key| key.unwritten().is_some());
        Ok(())
    }

    /// The keys whose last use is not stored yet, with the minute of that use.
    fn used(&self) -> impl Iterator<Item = (i64, Arc<KnownKey>)> {
        let known = self.known.by_digest.read();
        let gone = self.known.gone.lock();
        let keys: Vec<_> = known.values().chain(gone.iter()).cloned().collect();
        keys.into_iter().filter_map(|key| Some((key.unwritten()?, key)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::clock::Clock;
    use crate::store::database::{Database, DatabaseConfig};
    use crate::store::secret::{Secret, SecretConfig};

    #[tokio::test]
    async fn however_many_unknown_keys_come_at_once_the_database_is_asked_twice() {
        let folder = tempfile::tempdir().unwrap();
        let database = DatabaseConfig { file: folder.path().join("faceql.db"), readers: 1, durable: false };
        let database = Database::open(&database).await.unwrap();
        let secret = Secret::make(&SecretConfig { file: folder.path().join("secret") }).unwrap();
        let keys = Keys::new(database.clone(), &secret, Clock::system());
        let unknown: Vec<_> = (0..100).map(|_| text::generate().unwrap()).collect();

        let (before, a_look) = (database.statements(), 2);
        let found = join_all(unknown.iter().map(|text| keys.find(text))).await;
        assert!(found.iter().all(|found| matches!(found, Ok(None))));
        // One refresh for the first caller, which starts at once, and one for all others.
        assert_eq!(database.statements() - before, 2 * a_look);
        keys.find("fql_mistyped").await.unwrap();
        assert_eq!(database.statements() - before, 2 * a_look, "its checksum tells");
    }
}
