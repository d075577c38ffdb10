//! File input and output shared by `faceql detect` and `faceql contour`.

use std::fs;
use std::path::{Path, PathBuf};

use super::Fault;

/// Reads a file; an error names it.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Fault> {
    fs::read(file).map_err(|error| format!("{}: {error}", file.display()).into())
}

/// The output path for `source` with another extension, next to it or in `folder`.
pub(super) fn target(source: &Path, folder: Option<&Path>, ending: &str) -> PathBuf {
    let file = source.with_extension(ending);
    match (folder, file.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => file,
    }
}

/// Writes `bytes` to the [`target`] for `source` and returns its path.
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

/// Writes the result for `source` as JSON, in the shape of the API's response.
pub(super) fn write_json(
    source: &Path,
    folder: Option<&Path>,
    ending: &str,
    said: &serde_json::Value,
) -> Result<PathBuf, Fault> {
    write(source, folder, ending, format!("{said:#}\n").as_bytes())
}
