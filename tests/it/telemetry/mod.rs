//! Metrics, logs and traces, and what none of them contains.

mod collector;
mod health;
mod log;
mod metrics;
mod secrets;
mod traces;
