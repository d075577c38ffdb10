//! Test infrastructure: a server in this process, its clients, images, and engines that fail on purpose.

pub(crate) mod binary;
pub(crate) mod client;
pub(crate) mod disk;
pub(crate) mod engine;
pub(crate) mod pictures;
pub(crate) mod schema;
pub(crate) mod server;
pub(crate) mod socket;

pub(crate) use client::{Client, code};
pub(crate) use pictures::{Canvas, drawn, photo};
pub(crate) use server::TestServer;
pub(crate) use socket::{Event, Socket};
