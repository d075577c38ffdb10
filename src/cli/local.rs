//! What `faceql detect` and `faceql contour` share: files in, files out, no server.

use std::fs;
use std::path::{Path, PathBuf};

use super::Fault;

/// Reads a file; the fault names it.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Fault> {
    fs::read(file).map_err(|error| format!("{}: {error}", file.display()).into())
}

/// Where what is made of `source` is written.
pub(super) fn target(source: &Path, folder: Option<&Path>, ending: &str) -> PathBuf {
    let file = source.with_extension(ending);
    match (folder, file.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => file,
    }
}

/// Writes `bytes` beside `source`, or into `folder`, under its name with another ending. Returns where.
pub(super) fn write(
    source: &Path,
    folder: Option<&Path>,
    ending: &str,
    bytes: &[u8],
) -> Result<PathBuf, Fault> {
    let file = target(source, folder, ending);
    fs::write(&file, bytes).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(file)
}

/// Writes what the API would say of `source`, as JSON.
pub(super) fn write_json(
    source: &Path,
    folder: Option<&Path>,
    ending: &str,
    said: &serde_json::Value,
) -> Result<PathBuf, Fault> {
    write(source, folder, ending, format!("{said:#}\n").as_bytes())
}
