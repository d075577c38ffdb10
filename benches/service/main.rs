//! What the service costs over its engine and over a bare web server. Prints ratios against references that are
//! measured in the same run; asserts nothing. `make bench` runs it.
//!
//! The service is the real binary in a process of its own, so that its processor time and memory can be read.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark speaks to its user and fails by panicking"
)]

mod client;
mod process;
mod reading;
mod uploading;

use std::path::PathBuf;

#[tokio::main]
async fn main() {
    if let Some(file) = std::env::args().skip_while(|argument| argument != "--bare-route").nth(1) {
        return reading::serve_bare_route(PathBuf::from(file)).await;
    }
    // An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    println!("{:<58} {:>12} {:>12} {:>8}", "", "service", "reference", "ratio");
    reading::measure().await;
    uploading::measure().await;
}

/// One row of the table.
fn row(what: &str, service: &str, reference: &str, ratio: f64) {
    println!("{what:<58} {service:>12} {reference:>12} {ratio:>8.2}");
}

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}
