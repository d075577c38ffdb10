//! The overhead of the service compared with its engine and with a bare web server. Prints ratios to references that
//! are measured in the same run; asserts nothing. `make bench` runs it; `cargo bench --bench service -- people` runs
//! only that part.
//!
//! The service is the real binary in a separate process, so that its processor time and memory can be read.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its results and fails by panicking"
)]

mod client;
mod edge;
mod enrolling;
#[expect(dead_code, reason = "the other benchmark uses more of it")]
#[path = "../search/faces.rs"]
mod faces;
mod feed;
mod process;
mod reading;
mod recognizing;
mod uploading;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

/// The same allocator as the service's, so that references have no other.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() {
    if let Some(file) = std::env::args().skip_while(|argument| argument != "--bare-route").nth(1) {
        return reading::serve_bare_route(PathBuf::from(file)).await;
    }
    if std::env::args().any(|argument| argument == "--bare-handler") {
        return edge::serve_bare_handler().await;
    }
    // An error means that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    println!("{:<74} {:>12} {:>12} {:>8}", "", "service", "reference", "ratio");
    let parts: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    if wanted("reading") {
        reading::measure().await;
    }
    if wanted("uploading") {
        uploading::measure().await;
    }
    if wanted("people") {
        enrolling::measure().await;
        recognizing::measure().await;
    }
    if wanted("feed") {
        feed::measure().await;
    }
    if wanted("edge") {
        edge::measure().await;
    }
}

/// One row of the table.
fn row(what: &str, service: &str, reference: &str, ratio: f64) {
    println!("{what:<74} {service:>12} {reference:>12} {ratio:>8.2}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The bytes of one of the setup's photos.
fn photo(name: &str) -> Bytes {
    std::fs::read(root(".faceql/photos").join(name)).expect("run `make prepare`").into()
}
