//! Keys that a running server has seen: they let in without a question to the database, until it says otherwise.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::api_key::{Column, Entity, Model};
use entity::ids::{ApiKeyId, Tenant};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Keys;
use crate::caller::Scopes;
use crate::type_id;

/// How often the database is asked whether known keys still let in. Sockets of a revoked key close within it.
const REFRESH: Duration = Duration::from_secs(2);

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
    /// `None` when the row is no key that lets in.
    pub(super) fn of(row: &Model) -> Option<Self> {
        if row.revoked_at.is_some() {
            return None;
        }
        let scopes = row
            .scopes
            .parse()
            .inspect_err(|error| warn!(%error, key = type_id::show(row.id), "a damaged key"))
            .ok()?;
        let last_used = row.last_used_at.map_or(i64::MIN, minute);
        Some(Self {
            id: row.id,
            tenant: row.tenant.clone(),
            scopes,
            over: CancellationToken::new(),
            expires_at: row.expires_at,
            last_used: last_used.into(),
            written_down: last_used.into(),
        })
    }

    /// Whether it lets in at this time; notes then that it was used.
    pub(super) fn lets_in(&self, now: DateTime<Utc>) -> bool {
        let lets_in = !self.over.is_cancelled() && !self.has_expired(now);
        if lets_in {
            self.last_used.store(minute(now), Ordering::Relaxed);
        }
        lets_in
    }

    fn has_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

fn minute(time: DateTime<Utc>) -> i64 {
    time.timestamp().div_euclid(60)
}

impl Keys {
    /// Shuts out keys that were revoked or have expired, and writes down when the others were last used, until `stop`.
    pub async fn refresh_until(self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(REFRESH)).await.is_some() {
            self.refresh().await;
        }
        self.write_down_uses().await;
    }

    async fn refresh(&self) {
        // First, since what is shut out is forgotten.
        self.write_down_uses().await;
        if let Err(error) = self.shut_out().await {
            warn!(%error, "could not see which keys still let in; will try again");
        }
    }

    async fn shut_out(&self) -> Result<(), DbErr> {
        self.notice_first().await?;
        let known = self.all_known();
        if known.is_empty() {
            return Ok(());
        }
        let valid = Entity::find().select_only().column(Column::Id).filter(Column::RevokedAt.is_null());
        let valid: HashSet<ApiKeyId> =
            valid.into_tuple().all(self.database.reader()).await?.into_iter().collect();
        let now = self.clock.now();
        let is_over = |key: &KnownKey| !valid.contains(&key.id) || key.has_expired(now);
        for key in known.iter().filter(|key| is_over(key)) {
            info!(key = type_id::show(key.id), "a key lets in no more: its sockets are closed");
            key.over.cancel();
        }
        self.known.write().unwrap_or_else(PoisonError::into_inner).retain(|_, key| !key.over.is_cancelled());
        Ok(())
    }

    async fn write_down_uses(&self) {
        if let Err(error) = self.write_down().await {
            warn!(%error, "could not write down when keys were used; will try again");
        }
    }

    /// In one write, whichever keys were used since.
    async fn write_down(&self) -> Result<(), DbErr> {
        let known = self.all_known().into_iter();
        let used = known.map(|key| (key.last_used.load(Ordering::Relaxed), key));
        let used: Vec<_> =
            used.filter(|(minute, key)| *minute > key.written_down.load(Ordering::Relaxed)).collect();
        if used.is_empty() {
            return Ok(());
        }
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
        Ok(())
    }

    fn all_known(&self) -> Vec<Arc<KnownKey>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
