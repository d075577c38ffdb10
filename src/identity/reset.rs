//! What remains when the secret of a database is lost for good: to go on with another one, and to say what that voids.

use entity::api_key::{Column, Entity};
use entity::ids::{AnyId, Tenant};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use super::{IdentityError, examine, store, stored};
use crate::audit::AuditLog;
use crate::caller::{ANONYMOUS_TENANT, Actor};
use crate::clock::Clock;
use crate::database::Database;
use crate::secret::{Secret, SecretConfig, SecretError};

/// What is void without the secret of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// API keys that let in until now.
    pub keys: u64,
    /// Whether the configured secret is there, and is another one; otherwise a new one is made.
    pub has_other_secret: bool,
}

/// Why a database's secret is not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// Nothing is wrong.
    #[error("nothing was reset: the database and the secret of FACEQL_SECRET_FILE belong together")]
    NothingLost,
    /// The secret is there, but elsewhere; or something else failed.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The database failed.
    #[error("the database: {0}")]
    Database(#[from] DbErr),
}

impl From<SecretError> for ResetError {
    fn from(error: SecretError) -> Self {
        Self::Identity(error.into())
    }
}

/// What a reset would void.
///
/// # Errors
/// When there is nothing to be reset, or it cannot be told.
pub async fn loss(database: &Database, config: &SecretConfig) -> Result<Loss, ResetError> {
    match examine(database.reader(), database.file(), config).await {
        Ok(_) => return Err(ResetError::NothingLost),
        Err(IdentityError::Wrong { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let keys = Entity::find().filter(Column::RevokedAt.is_null()).count(database.reader()).await?;
    Ok(Loss { keys, has_other_secret: config.file.exists() })
}

/// Has the database go on with the configured secret, which is made when it is missing. The keys of the former one are
/// revoked, since nobody can be recognised by them, and the audit log goes on behind a gap.
///
/// # Errors
/// When there is nothing to be reset, or a store failed.
pub async fn reset(database: &Database, config: &SecretConfig, clock: Clock) -> Result<(), ResetError> {
    let Loss { has_other_secret, .. } = loss(database, config).await?;
    let secret = if has_other_secret { Secret::read(config)? } else { Secret::make(config)? };
    let log = AuditLog::of_writes(database.clone(), &secret, clock.clone());
    let mut write = database.write().await?;
    let identity = stored(&*write).await?;
    store(&write, identity.map_or_else(Uuid::now_v7, |identity| identity.database), &secret).await?;
    let valid = Entity::update_many().filter(Column::RevokedAt.is_null());
    let revoked = valid.col_expr(Column::RevokedAt, Expr::value(clock.now()));
    let revoked = revoked.exec_with_returning(&*write).await?;
    if let Some(tenant) = Tenant::parse(ANONYMOUS_TENANT) {
        let trail = log.trail_of_command(&tenant, Actor::Shell.to_string(), "faceql secret reset");
        trail.record(&mut write, revoked.iter().map(|key| AnyId::from(key.id))).await?;
    }
    write.commit().await?;
    log.renew_note().await?;
    Ok(())
}
