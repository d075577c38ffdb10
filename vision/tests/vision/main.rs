//! The engine with real models, real photos and malicious files. Needs the setup of `make prepare`.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and its images are small"
)]

mod annotated;
mod contours;
mod drawings;
mod faces;
mod maps;
mod mazes;
mod memory;
mod packs;
mod photographs;
mod pictures;
mod setup;
mod shapes;

#[global_allocator]
static MEMORY: memory::Counting = memory::Counting;
