//! `faceql config`.

use std::process::ExitCode;

/// Prints every setting in the format of `.env.example`.
pub(super) fn print() -> ExitCode {
    super::say(crate::config::Config::example().trim_end());
    ExitCode::SUCCESS
}
