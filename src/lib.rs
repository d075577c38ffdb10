//! FaceQL, a self-hosted face platform spoken to in GraphQL.
//!
//! Modules know each other in one direction only:
//!
//! ```text
//! cli -> http -> graphql -> { verification, enrollment -> people, { detection, contours } -> submissions }
//!     -> { audit inference index jobs events blobs database idempotency … } -> vision
//! ```
//!
//! [`app`] wires them together and is called by [`cli`] and tests alone. ARCHITECTURE.md tells the whole.

pub mod app;
pub mod audit;
pub mod blobs;
pub mod caller;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contours;
pub mod database;
pub mod decimal;
pub mod detection;
pub mod enrollment;
pub mod events;
mod exact;
pub mod failure;
pub mod files;
pub mod graphql;
pub mod health;
pub mod http;
pub mod idempotency;
pub mod identity;
pub mod index;
pub mod inference;
pub mod jobs;
pub mod keys;
mod lexer;
pub mod metadata;
pub mod metrics;
pub mod page;
pub mod people;
mod private;
pub mod rates;
pub mod secret;
pub mod shares;
pub mod submissions;
pub mod sweeper;
pub mod telemetry;
pub mod type_id;
pub mod upload;
pub mod verification;
