//! FaceQL, a self-hosted face recognition platform with a GraphQL API.
//!
//! Modules depend on each other in one direction only:
//!
//! ```text
//! cli -> http -> graphql -> { containers, enrollment -> people, { detection, contours } -> tasks }
//!     -> { audit inference index jobs events blobs database idempotency … } -> vision
//! ```
//!
//! [`app`] wires them together; only [`cli`] and tests call it. See ARCHITECTURE.md.

pub mod access;
pub mod actor;
pub mod app;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod containers;
pub mod contours;
pub mod detection;
pub mod enrollment;
pub mod events;
pub mod graphql;
pub mod health;
pub mod http;
pub mod ids;
pub mod images;
pub mod index;
pub mod inference;
pub mod jobs;
pub mod metrics;
mod parsing;
pub mod people;
pub mod settings;
pub mod shares;
pub mod store;
pub mod tasks;
pub mod telemetry;
