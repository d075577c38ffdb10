//! The `faceql` binary: sets up the process and leaves the rest to `faceql::cli`.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// On Linux for ONNX Runtime too. A request makes hundreds of small allocations, and a picture some large ones: it is
/// faster at the former than the system's, and gives back the latter.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    Box::pin(faceql::cli::run()).await
}
