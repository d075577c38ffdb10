//! The service as its clients meet it: real HTTP, real WebSockets, a real database and the real models.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod flow;
mod support;
