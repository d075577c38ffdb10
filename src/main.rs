//! The `faceql` binary: sets up the process and leaves the rest to `faceql::cli`.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// A request makes hundreds of small allocations, and a picture some large ones: this allocator is faster at the former
/// and gives back the latter.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    faceql::cli::run().await
}
