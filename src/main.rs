//! The `faceql` binary: sets up the allocator and the async runtime, then calls `faceql::cli`.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// On Linux ONNX Runtime uses it too. A request makes hundreds of small allocations and an image a few large ones:
/// jemalloc is faster than the system allocator at the former and returns the latter to the system.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    Box::pin(faceql::cli::run()).await
}
