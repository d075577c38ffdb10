//! The service as its clients meet it: real HTTP, real WebSockets, a real database and the real models.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod audit;
mod bad_input;
mod bulk;
mod conformance;
mod connections;
mod contours;
mod cost;
mod decoding;
mod detection;
mod documents;
mod encoder;
mod events;
mod failure;
mod fairness;
mod flow;
mod forms;
mod graphiql;
mod hostile;
mod house;
mod json;
mod keys;
mod limits;
mod lists;
mod local;
mod nesting;
mod omitted;
mod people;
mod process;
mod rates;
mod remote;
mod scopes;
mod secret;
mod socket_limits;
mod socket_protocol;
mod storage;
mod subscribers;
mod support;
mod swept;
mod telemetry;
mod tenants;
mod tls;
mod transport;
mod walk;
mod worker;
