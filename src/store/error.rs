//! What stores report to the domains.

use sea_orm::DbErr;

use super::blobs::BlobError;
use super::idempotency::IdempotencyError;

/// A store failed, or refuses an idempotency key.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The idempotency key is malformed, or was used with another input.
    #[error(transparent)]
    Idempotency(IdempotencyError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbErr),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A defect of ours, or stored data that cannot be read.
    #[error("{0}")]
    Internal(String),
}

impl From<IdempotencyError> for StoreError {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::Database(error) => Self::Database(error),
            other => Self::Idempotency(other),
        }
    }
}

/// Lets `?` turn what a store reports into the `Store` variant of a domain's error, and gives that error `internal`, which
/// makes one of a defect.
macro_rules! from_store_errors {
    ($Error:ident) => {
        impl From<sea_orm::DbErr> for $Error {
            fn from(error: sea_orm::DbErr) -> Self {
                Self::Store(error.into())
            }
        }

        impl From<$crate::store::blobs::BlobError> for $Error {
            fn from(error: $crate::store::blobs::BlobError) -> Self {
                Self::Store(error.into())
            }
        }

        impl From<$crate::store::idempotency::IdempotencyError> for $Error {
            fn from(error: $crate::store::idempotency::IdempotencyError) -> Self {
                Self::Store(error.into())
            }
        }

        impl $Error {
            pub(crate) fn internal(cause: impl Into<String>) -> Self {
                Self::Store($crate::store::error::StoreError::Internal(cause.into()))
            }
        }
    };
}

pub(crate) use from_store_errors;
