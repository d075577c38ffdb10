//! The `faceql` binary: sets up the process and leaves the rest to `faceql::cli`.

use std::io;
use std::process::ExitCode;

use faceql::http::runtime_threads;
use tikv_jemallocator::Jemalloc;
use tokio::runtime::Builder;

/// On Linux for ONNX Runtime too. A request makes hundreds of small allocations, and a picture some large ones: it is
/// faster at the former than the system's, and gives back the latter.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> io::Result<ExitCode> {
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(runtime_threads()).enable_all().build()?;
    Ok(runtime.block_on(Box::pin(faceql::cli::run())))
}
