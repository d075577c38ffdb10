//! `faceql config`.

use std::process::ExitCode;

/// Prints every setting as `.env.example` holds them.
pub(super) fn print() -> ExitCode {
    super::say(crate::config::Config::example().trim_end());
    ExitCode::SUCCESS
}
