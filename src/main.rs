//! The `faceql` binary: sets up the process and leaves the rest to `faceql::cli`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// GraphQL answers are made of many small pieces, freed on other threads than they came from.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    faceql::cli::run().await
}
