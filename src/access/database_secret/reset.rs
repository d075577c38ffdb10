//! Replaces a lost secret of a database by another one, and reports what that invalidates.

use entity::api_key::{Column, Entity};
use entity::ids::{AnyId, Tenant};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use super::{IdentityError, examine, store, stored};
use crate::access::caller::ANONYMOUS_TENANT;
use crate::actor::Actor;
use crate::audit::AuditLog;
use crate::clock::Clock;
use crate::store::database::Database;
use crate::store::secret::{Secret, SecretConfig, SecretError};

/// What a reset of the secret invalidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Number of API keys that are not revoked yet.
    pub keys: u64,
    /// Whether the configured file holds another secret, which will be used; otherwise a new one is created.
    pub has_other_secret: bool,
}

/// Why a database's secret was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// The configured secret is the one of the database.
    #[error("nothing was reset: the database and the secret of FACEQL_SECRET_FILE belong together")]
    NothingLost,
    /// The state of the secret could not be determined.
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
/// When there is nothing to reset, or the state of the secret cannot be determined.
pub async fn loss(database: &Database, config: &SecretConfig) -> Result<Loss, ResetError> {
    match examine(database.reader(), database.file(), config).await {
        Ok(_) => return Err(ResetError::NothingLost),
        Err(IdentityError::Wrong { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let keys = Entity::find().filter(Column::RevokedAt.is_null()).count(database.reader()).await?;
    Ok(Loss { keys, has_other_secret: config.file.exists() })
}

/// Switches the database to the configured secret, which is created if it is missing. All keys are revoked, since they
/// can no longer be recognized, and the audit log continues after a gap.
///
/// # Errors
/// When there is nothing to reset, or the database or the secret file failed.
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
