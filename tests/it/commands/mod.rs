//! The commands of the binary, each in its own process.

mod encoder;
pub(crate) mod encoding_service;
mod offline_commands;
mod process;
