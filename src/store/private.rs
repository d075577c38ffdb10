//! Folders and files that only the user running FaceQL can read: they contain vectors, images and secrets. Existing
//! ones keep their permissions.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use tempfile::NamedTempFile;

/// Creates a folder and its missing parents.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Creates an empty file unless it exists.
pub(crate) fn make_file(file: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(file).map(drop)
}

/// Creates a file that must not exist. Atomic, even if the power fails.
pub(crate) fn write_new(file: &Path, content: &[u8]) -> io::Result<()> {
    written_beside(file, content)?.persist_noclobber(file)?;
    sync_folder(file)
}

/// Creates or replaces a file. Atomic, even if the power fails.
pub(crate) fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    written_beside(file, content)?.persist(file)?;
    sync_folder(file)
}

/// A temporary file in the same folder, readable only by this user.
fn written_beside(file: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let folder = folder_of(file);
    make_folder(folder)?;
    let mut written = NamedTempFile::new_in(folder)?;
    written.write_all(content)?;
    written.as_file().sync_all()?;
    Ok(written)
}

fn sync_folder(file: &Path) -> io::Result<()> {
    File::open(folder_of(file))?.sync_all()
}

/// The folder of a file; the working directory for a bare name.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
