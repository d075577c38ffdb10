//! Persistent storage: rows in the database, bytes in the blob store, and the server's secret. Independent of domains.

pub mod blobs;
pub mod cleanup;
pub mod database;
pub mod error;
pub mod idempotency;
pub mod metadata;
pub mod page;
pub(crate) mod private;
pub mod secret;
