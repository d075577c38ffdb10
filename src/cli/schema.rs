//! `faceql schema`.

use std::process::ExitCode;

/// Prints the schema as `schema.graphql` holds it.
pub(super) fn print() -> ExitCode {
    super::say(crate::graphql::sdl().trim_end());
    ExitCode::SUCCESS
}
