//! The `faceql` binary: sets up the process and leaves the rest to `faceql::cli`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    faceql::cli::run().await
}
