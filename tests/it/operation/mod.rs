//! What the server guarantees to its operators.

mod cleanup;
mod contract;
mod documentation;
