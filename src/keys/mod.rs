//! API keys in the database: made, listed and revoked by the command line, known again by a server, also while both run.
//! Knows no HTTP.
//!
//! A key is shown once, when it is made. What is stored is its HMAC under the server's secret: who reads the database
//! learns no key, and who writes into it cannot make one up.

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

use crate::audit::AuditLog;
use crate::caller::{Actor, Scopes};
use crate::clock::Clock;
use crate::database::{Database, Write};
use crate::secret::Secret;

use known::KnownKeys;
pub use known::{KnownKey, Unread};

/// Longest label, in bytes.
pub const MAX_LABEL_BYTES: usize = 200;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system has no randomness.
    #[error("the system gives no random numbers")]
    Randomness,
    /// There is no such key.
    #[error("there is no such key")]
    NotFound,
    /// The database failed.
    #[error("the database: {0}")]
    Database(#[from] DbErr),
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Whose data it lets see and change.
    pub tenant: Tenant,
    /// What it is for, for people.
    pub label: String,
    /// What it lets do.
    pub scopes: Scopes,
    /// From when on it lets in no more.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The keys of a database. Cloning shares them.
#[derive(Clone)]
pub struct Keys {
    database: Database,
    clock: Clock,
    audit: AuditLog,
    mac: hmac::Key,
    known: Arc<KnownKeys>,
    /// Cancelled once a key was made.
    first: CancellationToken,
}

impl Keys {
    /// The keys of `database`, told by `secret`.
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

    /// Makes a key; its text is told here and never again.
    ///
    /// # Errors
    /// When there is no randomness, or the database failed.
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

    /// Notes in the audit log what the command line does to a key.
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

    /// All keys, those that let in no more among them, oldest first.
    ///
    /// # Errors
    /// When the database failed.
    pub async fn list(&self) -> Result<Vec<Model>, DbErr> {
        Entity::find().order_by_asc(Column::Id).all(self.database.reader()).await
    }

    /// Whether a key was ever made, as far as was noticed. A server that has had one asks for keys from then on, even
    /// when all are revoked.
    #[must_use]
    pub fn exist(&self) -> bool {
        self.first.is_cancelled()
    }

    /// Cancelled once a key was made.
    #[must_use]
    pub fn first_is_made(&self) -> CancellationToken {
        self.first.clone()
    }

    /// Revokes a key; one that is revoked stays so since when it was.
    ///
    /// # Errors
    /// When there is no such key, or the database failed.
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

    /// What is stored of the key with this text: its HMAC-SHA-256, in lower-case hexadecimal.
    fn digest(&self, text: &str) -> String {
        hex::encode(hmac::sign(&self.mac, text.as_bytes()))
    }
}
