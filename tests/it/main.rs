//! The service as clients use it: over real HTTP and WebSockets, with a real database and the real models.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod access;
mod audit;
mod bulk;
mod commands;
mod containers;
mod contours;
mod detection;
mod graphql;
mod images;
mod operation;
mod people;
mod storage;
mod support;
mod telemetry;
mod transports;
