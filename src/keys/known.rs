//! The keys that let in, as a running server knows them: so that it asks the database about none of the requests that
//! come with one. It reads them at its start, anew within two seconds, and when somebody comes with a key that may be new.
//!
//! All of them are held in memory: they are made one by one, by whoever runs the server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::api_key::{Column, Entity, Model};
use entity::ids::{ApiKeyId, Tenant};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter};
use subtle::ConstantTimeEq;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Keys, text};
use crate::caller::Scopes;
use crate::type_id;

/// How often the database is asked which keys let in: whoever is shut out is out within two seconds.
const REFRESH: Duration = Duration::from_millis(1500);
/// How long passes at least between two such looks, however many unknown keys come.
const PAUSE: Duration = Duration::from_millis(100);

/// A key that a running server knows.
#[derive(Debug)]
pub struct KnownKey {
    /// Names it.
    pub id: ApiKeyId,
    /// Whose data it lets see and change.
    pub tenant: Tenant,
    /// What it lets do.
    pub scopes: Scopes,
    /// Cancelled when it lets in no more.
    pub over: CancellationToken,
    expires_at: Option<DateTime<Utc>>,
    /// The minute since 1970 in which it was last used, and the last that is written down.
    last_used: AtomicI64,
    written_down: AtomicI64,
}

impl KnownKey {
    fn of(row: Model) -> Self {
        let scopes = row.scopes.parse().unwrap_or_else(|error| {
            warn!(%error, key = type_id::show(row.id), "a damaged key: it lets do nothing");
            Scopes { read: false, write: false, admin: false }
        });
        let last_used = row.last_used_at.map_or(i64::MIN, minute);
        Self {
            id: row.id,
            tenant: row.tenant,
            scopes,
            over: CancellationToken::new(),
            expires_at: row.expires_at,
            last_used: last_used.into(),
            written_down: last_used.into(),
        }
    }

    /// Whether it lets in at this time; notes then that it was used.
    fn lets_in(&self, now: DateTime<Utc>) -> bool {
        let lets_in = self.expires_at.is_none_or(|end| now < end);
        if lets_in {
            self.last_used.store(minute(now), Ordering::Relaxed);
        }
        lets_in
    }

    /// The minute in which it was last used, when that is not written down yet.
    fn unwritten(&self) -> Option<i64> {
        let minute = self.last_used.load(Ordering::Relaxed);
        (minute > self.written_down.load(Ordering::Relaxed)).then_some(minute)
    }
}

fn minute(time: DateTime<Utc>) -> i64 {
    time.timestamp().div_euclid(60)
}

/// What a running server knows of its keys.
#[derive(Default)]
pub(super) struct KnownKeys {
    by_digest: RwLock<HashMap<String, Arc<KnownKey>>>,
    /// Those that let in no more, until their last use is written down.
    gone: Mutex<Vec<Arc<KnownKey>>>,
    last_look: tokio::sync::Mutex<Look>,
}

/// When the database was last asked.
#[derive(Default)]
struct Look {
    begun: Option<Instant>,
    /// When the last one began that came to its end, and whether it saw anything.
    ended: Option<Instant>,
    succeeded: bool,
}

/// The database could not be asked which keys let in.
#[derive(Debug)]
pub struct Unread;

impl Keys {
    /// The key with this text, also when it was made a moment ago. `None` when it lets nobody in.
    ///
    /// # Errors
    /// When it is not known, and the database cannot be asked.
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
        let known = self.known.by_digest.read().unwrap_or_else(PoisonError::into_inner);
        let (stored, key) = known.get_key_value(&digest)?;
        // A table looks its keys up in no constant time. What it compares are HMACs, which nobody can aim without the
        // secret; the last word is one that takes no time to tell.
        bool::from(stored.as_bytes().ct_eq(digest.as_bytes())).then_some(())?;
        key.lets_in(self.clock.now()).then(|| key.clone())
    }

    /// Reads which keys let in, and ends what goes on for those that do so no more.
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
        let mut known = self.known.by_digest.write().unwrap_or_else(PoisonError::into_inner);
        let gone = known.extract_if(|digest, _| !valid.contains_key(digest)).map(|(_, key)| key);
        let gone = gone.inspect(|key| {
            info!(key = type_id::show(key.id), "a key lets in no more: its sockets are closed");
            key.over.cancel();
        });
        self.known.gone.lock().unwrap_or_else(PoisonError::into_inner).extend(gone);
        for (digest, row) in valid {
            known.entry(digest).or_insert_with(|| Arc::new(KnownKey::of(row)));
        }
    }

    /// Sees to it that the database was asked since `wanted`. Whoever waits shares one look, and looks follow one
    /// another: what an older one saw must not take the place of what a newer one saw.
    async fn look_since(&self, wanted: Instant) -> Result<(), Unread> {
        let mut last = self.known.last_look.lock().await;
        if last.ended.is_none_or(|begun| begun < wanted) {
            if let Some(begun) = last.begun {
                sleep_until(begun + PAUSE).await;
            }
            // At once, so that the pause is kept also when the one who looks goes away in the middle.
            last.begun = Some(Instant::now());
            let seen = self.load().await;
            last.succeeded = seen.is_ok();
            last.ended = last.begun;
            if let Err(error) = seen {
                warn!(%error, "could not see which keys let in; will try again");
            }
        }
        if last.succeeded { Ok(()) } else { Err(Unread) }
    }

    /// Learns of new keys, shuts out those that were revoked or have expired, and writes down when each was last used,
    /// until `stop`.
    pub async fn refresh_until(self, stop: CancellationToken) {
        let pause = || stop.run_until_cancelled(sleep(REFRESH));
        let looking = async {
            while pause().await.is_some() {
                // A failed look is in the log, and another one follows.
                let _ = self.look_since(Instant::now()).await;
            }
        };
        // Beside it: a write may have to wait long for its turn, and nobody stays in for that.
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
            warn!(%error, "could not write down when keys were used; will try again");
        }
    }

    /// In one write, whichever keys were used since.
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
        let mut gone = self.known.gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.retain(|key| key.unwritten().is_some());
        Ok(())
    }

    /// The keys whose last use is not written down, with its minute.
    fn used(&self) -> impl Iterator<Item = (i64, Arc<KnownKey>)> {
        let known = self.known.by_digest.read().unwrap_or_else(PoisonError::into_inner);
        let gone = self.known.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<_> = known.values().chain(gone.iter()).cloned().collect();
        keys.into_iter().filter_map(|key| Some((key.unwritten()?, key)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::clock::Clock;
    use crate::database::{Database, DatabaseConfig};
    use crate::secret::{Secret, SecretConfig};

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
        // Once for the first, who has nobody to wait for, and once for all others.
        assert_eq!(database.statements() - before, 2 * a_look);
        keys.find("fql_mistyped").await.unwrap();
        assert_eq!(database.statements() - before, 2 * a_look, "its checksum tells");
    }
}
