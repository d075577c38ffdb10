//! Containers: uploads become encodings, even when steps fail.

pub(crate) mod attempts;
mod flow;
mod limits;
mod lists;
mod queue;
mod subscribers;
