//! The service as its clients meet it: real HTTP, real WebSockets, a real database and the real models.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod bad_input;
mod failure;
mod flow;
mod limits;
mod lists;
mod omitted;
mod remote;
mod support;
mod tenants;
