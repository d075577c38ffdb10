//! API keys in the database. The command line creates, lists and revokes them, also while a server is running and
//! authenticating with them. Independent of HTTP.
//!
//! A key is shown once, when it is created. Only its HMAC under the server's secret is stored: read access to the
//! database reveals no key, and write access is not enough to forge one.

mod known;
mod text;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::api_key::{ActiveModel, Column, Entity, Model};
use entity::ids::{ApiKeyId, Tenant};
use ring::hmac;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    sea_query::Expr,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::caller::Scopes;
use crate::actor::Actor;
use crate::audit::AuditLog;
use crate::clock::Clock;
use crate::store::database::{Database, Write};
use crate::store::secret::Secret;

use known::KnownKeys;
pub use known::{KnownKey, Unread};

/// Maximum length of a label, in bytes.
pub const MAX_LABEL_BYTES: usize = 200;

/// Why a key could not be created or revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system's random number generator failed.
    #[error("the system's random number generator failed")]
    Randomness,
    /// No key has this id.
    #[error("there is no such key")]
    NotFound,
    /// The database failed.
    #[error("the database: {0}")]
    Database(#[from] DbErr),
}

/// The properties of a key to be created.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The tenant whose data the key gives access to.
    pub tenant: Tenant,
    /// A description for operators, at most [`MAX_LABEL_BYTES`] long.
    pub label: String,
    /// What a caller with the key may do.
    pub scopes: Scopes,
    /// When the key stops being valid; `None` for never.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The keys of a database. Clones share the cache of valid keys.
#[derive(Clone)]
pub struct Keys {
    database: Database,
    clock: Clock,
    audit: AuditLog,
    mac: hmac::Key,
    known: Arc<KnownKeys>,
    /// Cancelled once a key exists.
    first: CancellationToken,
}

impl Keys {
    /// The keys of `database`, whose HMACs are computed with `secret`.
    #[must_use]
    pub fn new(database: Database, secret: &Secret, clock: Clock) -> Self {
        Self {
            audit: AuditLog::of_writes(database.clone(), secret, clock.clone()),
            database,
            clock,
            mac: secret.key("keys"),
            known: Arc::default(),
            first: CancellationToken::new(),
        }
    }

    /// Creates a key. Returns its id and its text, which cannot be retrieved later.
    ///
    /// # Errors
    /// When the random number generator or the database failed.
    pub async fn create(&self, new: NewKey) -> Result<(ApiKeyId, Zeroizing<String>), KeyError> {
        let text = text::generate().map_err(|_| KeyError::Randomness)?;
        let id = ApiKeyId(Uuid::now_v7());
        let row = ActiveModel {
            id: Set(id),
            tenant: Set(new.tenant.clone()),
            label: Set(new.label),
            scopes: Set(new.scopes.to_string()),
            digest: Set(self.digest(&text)),
            created_at: Set(self.clock.now()),
            expires_at: Set(new.expires_at),
            revoked_at: Set(None),
            last_used_at: Set(None),
        };
        let mut write = self.database.write().await?;
        row.insert(&*write).await?;
        self.note(&mut write, "faceql keys create", &new.tenant, id).await?;
        write.commit().await?;
        Ok((id, text))
    }

    /// Records a command on a key in the audit log.
    async fn note(
        &self,
        write: &mut Write,
        command: &str,
        tenant: &Tenant,
        id: ApiKeyId,
    ) -> Result<(), DbErr> {
        let trail = self.audit.trail_of_command(tenant, Actor::Shell.to_string(), command);
        trail.record(write, [id.into()]).await
    }

    /// All keys, including expired and revoked ones, oldest first.
    ///
    /// # Errors
    /// When the database failed.
    pub async fn list(&self) -> Result<Vec<Model>, DbErr> {
        Entity::find().order_by_asc(Column::Id).all(self.database.reader()).await
    }

    /// Whether a key was ever created, as of the last load. From then on the server requires a key, even when all keys
    /// are revoked.
    #[must_use]
    pub fn exist(&self) -> bool {
        self.first.is_cancelled()
    }

    /// A token that is cancelled once a key exists.
    #[must_use]
    pub fn first_is_made(&self) -> CancellationToken {
        self.first.clone()
    }

    /// Revokes a key. A key that is revoked already keeps its time of revocation.
    ///
    /// # Errors
    /// When no key has this id, or the database failed.
    pub async fn revoke(&self, id: ApiKeyId) -> Result<(), KeyError> {
        let mut write = self.database.write().await?;
        let now = self.clock.now();
        let since = Expr::col(Column::RevokedAt).if_null(now);
        let revoked = Entity::update_many().col_expr(Column::RevokedAt, since).filter(Column::Id.eq(id));
        let revoked = revoked.exec_with_returning(&*write).await?;
        let Model { tenant, .. } = revoked.first().ok_or(KeyError::NotFound)?;
        self.note(&mut write, "faceql keys revoke", tenant, id).await?;
        Ok(write.commit().await?)
    }

    /// The stored form of a key: its HMAC-SHA-256 in lower-case hexadecimal.
    fn digest(&self, text: &str) -> String {
        hex::encode(hmac::sign(&self.mac, text.as_bytes()))
    }
}
