//! What the server tells of itself: metrics, log and traces, and what none of them holds.

mod collector;
mod health;
mod log;
mod metrics;
mod secrets;
mod traces;
