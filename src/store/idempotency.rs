//! Stores the result of each idempotency key, so that a repeated request gets the first result. Used by the domains.

use chrono::{DateTime, Utc};
use entity::idempotency_key::{ActiveModel, Column, Entity};
use entity::ids::Tenant;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::database::Write;

/// Maximum length of a key, in bytes.
pub const MAX_KEY_BYTES: usize = 255;

/// A key with its scope.
pub struct IdempotencyKey<'a> {
    /// Tenant of the caller.
    pub tenant: &'a Tenant,
    /// Mutation that the key was sent to.
    pub operation: &'static str,
    /// Node that the mutation adds to; nil if there is none.
    pub parent: Uuid,
    /// The key itself, compared byte by byte.
    pub key: &'a str,
    /// Digest of the input, which distinguishes a repeat from another request.
    pub input_digest: String,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    /// The key was used before with another input.
    #[error("this idempotency key was used before with another input; use a new key")]
    Conflict,
    /// The key is empty, too long or contains a NUL character.
    #[error("an idempotency key must have 1 to {MAX_KEY_BYTES} bytes and no NUL character")]
    BadKey,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl IdempotencyKey<'_> {
    /// The result that the key was used for before; `None` if the key is new.
    ///
    /// # Errors
    /// [`IdempotencyError::Conflict`] when the earlier input was different.
    pub async fn earlier(&self, database: &impl ConnectionTrait) -> Result<Option<Uuid>, IdempotencyError> {
        Ok(self.earlier_details(database).await?.map(|(node, _)| node))
    }

    /// Like [`Self::earlier`], with the stored details.
    ///
    /// # Errors
    /// [`IdempotencyError::Conflict`] when the earlier input was different.
    pub async fn earlier_details(
        &self,
        database: &impl ConnectionTrait,
    ) -> Result<Option<(Uuid, Option<Value>)>, IdempotencyError> {
        if !(1..=MAX_KEY_BYTES).contains(&self.key.len()) || self.key.contains('\0') {
            return Err(IdempotencyError::BadKey);
        }
        let id = (self.tenant.clone(), self.operation.to_owned(), self.parent, self.key.to_owned());
        match Entity::find_by_id(id).one(database).await? {
            None => Ok(None),
            Some(row) if row.input_digest == self.input_digest => Ok(Some((row.result, row.details))),
            Some(_) => Err(IdempotencyError::Conflict),
        }
    }

    /// Stores the result of the key as part of `write`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remember(&self, write: &Write, result: Uuid, now: DateTime<Utc>) -> Result<(), DbErr> {
        self.remember_details(write, result, None, now).await
    }

    /// Like [`Self::remember`], with further details of the response.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remember_details(
        &self,
        write: &Write,
        result: Uuid,
        details: Option<Value>,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let row = ActiveModel {
            tenant: Set(self.tenant.clone()),
            operation: Set(self.operation.to_owned()),
            parent: Set(self.parent),
            key: Set(self.key.to_owned()),
            input_digest: Set(self.input_digest.clone()),
            result: Set(result),
            details: Set(details),
            created_at: Set(now),
        };
        Entity::insert(row).exec_without_returning(&**write).await.map(drop)
    }
}

/// Deletes, as part of `write`, the keys that led to one of `nodes` or were scoped to it.
///
/// # Errors
/// When the database fails.
pub async fn forget_nodes(write: &Write, nodes: &[Uuid]) -> Result<(), DbErr> {
    let nodes = || nodes.iter().copied();
    let about = Column::Parent.is_in(nodes()).or(Column::Result.is_in(nodes()));
    Entity::delete_many().filter(about).exec(&**write).await.map(drop)
}

/// Deletes, as part of `write`, the keys first used before `time`.
///
/// # Errors
/// When the database fails.
pub async fn forget_before(write: &Write, time: DateTime<Utc>) -> Result<u64, DbErr> {
    Ok(Entity::delete_many().filter(Column::CreatedAt.lt(time)).exec(&**write).await?.rows_affected)
}

/// SHA-256 of `bytes`, lower-case hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
