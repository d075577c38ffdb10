//! Folders and files that only the user who runs FaceQL may read: they hold vectors, pictures and secrets. What is there
//! already keeps the permissions that it was given.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use tempfile::NamedTempFile;

/// Makes a folder, with those around it that are missing.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes an empty file unless there is one.
pub(crate) fn make_file(file: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(file).map(drop)
}

/// Writes a file where there is none. It is there whole or not at all, also after a power cut.
pub(crate) fn write_new(file: &Path, content: &[u8]) -> io::Result<()> {
    written_beside(file, content)?.persist_noclobber(file)?;
    sync_folder(file)
}

/// Writes a file, or puts it in the place of the one that is there, whole or not at all.
pub(crate) fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    written_beside(file, content)?.persist(file)?;
    sync_folder(file)
}

/// A file with another name in the same folder, which only this user may read.
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

/// The folder of a file; a bare name's is the working directory.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
