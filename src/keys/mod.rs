//! API keys in the database: made, listed and revoked by the command line, known again by a server, also while both run.
//! Knows no HTTP.
//!
//! A key is shown once, when it is made. What is stored is its HMAC under the server's secret: who reads the database
//! learns no key, and who writes into it cannot make one up.

mod known;
mod text;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use entity::api_key::{ActiveModel, Column, Entity, Model};
use entity::ids::{ApiKeyId, Tenant};
use ring::hmac;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    sea_query::Expr,
};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::audit::AuditLog;
use crate::caller::{Actor, Scopes};
use crate::clock::Clock;
use crate::database::{Database, Write};
use crate::secret::Secret;

pub use known::KnownKey;

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

/// HMAC-SHA-256 of a key.
type KeyDigest = [u8; 32];

/// The keys of a database. Cloning shares them.
#[derive(Clone)]
pub struct Keys {
    database: Database,
    clock: Clock,
    audit: AuditLog,
    mac: hmac::Key,
    known: Arc<RwLock<HashMap<KeyDigest, Arc<KnownKey>>>>,
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
            digest: Set(hex::encode(self.digest(&text))),
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

    /// Sees whether a key was made.
    ///
    /// # Errors
    /// When the database failed.
    pub async fn notice_first(&self) -> Result<(), DbErr> {
        if !self.exist() && Entity::find().one(self.database.reader()).await?.is_some() {
            self.first.cancel();
        }
        Ok(())
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

    /// The key with this text, when this server has seen it before and it still lets in.
    #[must_use]
    pub fn known(&self, text: &str) -> Option<Arc<KnownKey>> {
        let digest = self.digest(text);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let (stored, key) = known.get_key_value(&digest)?;
        // A table looks its keys up in no constant time. What it compares are HMACs, which nobody can aim without the
        // secret; the last word is one that takes no time to tell.
        bool::from(stored.ct_eq(&digest)).then_some(())?;
        key.lets_in(self.clock.now()).then(|| key.clone())
    }

    /// Asks the database for the key with this text, and knows it from then on. `None` when it lets nobody in.
    ///
    /// # Errors
    /// When the database failed.
    pub async fn look_up(&self, text: &str) -> Result<Option<Arc<KnownKey>>, DbErr> {
        if !text::is_well_formed(text) {
            return Ok(None);
        }
        let digest = self.digest(text);
        let row = Entity::find().filter(Column::Digest.eq(hex::encode(digest))).one(self.database.reader());
        let Some(key) = row.await?.and_then(|row| KnownKey::of(&row)) else { return Ok(None) };
        if !key.lets_in(self.clock.now()) {
            return Ok(None);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(known.entry(digest).or_insert_with(|| Arc::new(key)).clone()))
    }

    fn digest(&self, text: &str) -> KeyDigest {
        let mut digest = KeyDigest::default();
        digest.copy_from_slice(hmac::sign(&self.mac, text.as_bytes()).as_ref());
        digest
    }
}
