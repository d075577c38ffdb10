//! `faceql schema`.

use std::process::ExitCode;

/// Prints the schema, identical to `schema.graphql`.
pub(super) fn print() -> ExitCode {
    super::say(crate::graphql::sdl().trim_end());
    ExitCode::SUCCESS
}
